"""Logged models."""

from __future__ import annotations

from collections.abc import Sequence

from siglum.core import limits
from siglum.core.names import (
    check_logged_model_name,
    check_page_size,
    check_text,
)
from siglum.tracking.entities import (
    LoggedModel,
    LoggedModelStatus,
    Param,
    Tag,
)
from siglum.tracking.run_names import random_run_name
from siglum.tracking.sql import (
    logged_models,
)
from siglum.tracking.sql.parts.base import StorePart
from siglum.tracking.store import DatasetFilter, LoggedModelOrder, Page
from siglum.tracking.validation import (
    check_params,
    check_tags,
)


class LoggedModelPart(StorePart):
    """Makes, finds and changes logged models."""

    def create_logged_model(
        self,
        experiment_id: str,
        *,
        name: str | None = None,
        source_run_id: str | None = None,
        tags: Sequence[Tag] = (),
        params: Sequence[Param] = (),
        model_type: str | None = None,
    ) -> LoggedModel:
        check_text(model_type or "", "model_type", limits.MODEL_TYPE)
        new = logged_models.NewLoggedModel(
            model_id=f"m-{self._new_id()}",
            experiment_id=experiment_id,
            name=random_run_name(self._random) if name is None else check_logged_model_name(name),
            source_run_id=source_run_id or None,
            model_type=model_type,
            tags=check_tags(tags, limits.LOGGED_MODEL_TAG_VALUE),
            params=check_params(params),
        )
        now = self._clock()
        return self.database.write(lambda sql: logged_models.create(sql, new, now))

    def get_logged_model(self, model_id: str, *, allow_deleted: bool = False) -> LoggedModel:
        return self.database.read(lambda sql: logged_models.get(sql, model_id, allow_deleted=allow_deleted))

    def finalize_logged_model(self, model_id: str, status: LoggedModelStatus) -> LoggedModel:
        now = self._clock()
        return self.database.write(lambda sql: logged_models.finalize(sql, model_id, status, now))

    def delete_logged_model(self, model_id: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: logged_models.delete(sql, model_id, now))

    def set_logged_model_tags(self, model_id: str, tags: Sequence[Tag]) -> None:
        by_key = check_tags(tags, limits.LOGGED_MODEL_TAG_VALUE)
        now = self._clock()
        self.database.write(lambda sql: logged_models.set_tags(sql, model_id, by_key, now))

    def delete_logged_model_tag(self, model_id: str, key: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: logged_models.delete_tag(sql, model_id, key, now))

    def log_logged_model_params(self, model_id: str, params: Sequence[Param]) -> None:
        by_key = check_params(params)
        now = self._clock()
        self.database.write(lambda sql: logged_models.add_params(sql, model_id, by_key, now))

    def search_logged_models(
        self,
        experiment_ids: Sequence[str],
        *,
        filter_string: str = "",
        datasets: Sequence[DatasetFilter] = (),
        max_results: int = 100,
        order_by: Sequence[LoggedModelOrder] = (),
        page_token: str | None = None,
    ) -> Page[LoggedModel]:
        check_page_size(max_results, limits.LOGGED_MODELS_PAGE)
        return self.database.read(
            lambda sql: logged_models.search(
                sql,
                experiment_ids,
                filter_string=filter_string,
                datasets=datasets,
                max_results=max_results,
                order_by=order_by,
                page_token=page_token,
            )
        )
