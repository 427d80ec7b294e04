"""Experiments."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from siglum.core import limits
from siglum.core.names import (
    check_experiment_name,
    check_page_size,
    check_text,
)
from siglum.tracking.entities import (
    Experiment,
    Tag,
    ViewType,
)
from siglum.tracking.sql import (
    experiments,
)
from siglum.tracking.sql.parts.base import StorePart
from siglum.tracking.store import Page
from siglum.tracking.validation import (
    check_tag,
    check_tags,
)


class ExperimentPart(StorePart):
    """Makes, finds and changes experiments."""

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Sequence[Tag] = ()) -> str:
        check_experiment_name(name)
        check_text(artifact_location or "", "artifact_location", limits.ARTIFACT_LOCATION)
        by_key = check_tags(tags, limits.EXPERIMENT_TAG_VALUE)
        now = self._clock()
        return self.database.write(lambda sql: experiments.create(sql, name, artifact_location or None, by_key, now))

    def get_experiment(self, experiment_id: str) -> Experiment:
        return self.database.read(lambda sql: experiments.get(sql, experiment_id))

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        return self.database.read(lambda sql: experiments.get_by_name(sql, name))

    def search_experiments(
        self,
        *,
        view_type: ViewType = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        filter_string: str = "",
        order_by: Sequence[str] = (),
        page_token: str | None = None,
    ) -> Page[Experiment]:
        check_page_size(max_results, limits.EXPERIMENTS_PAGE)
        return self.database.read(
            functools.partial(
                experiments.search,
                view_type=view_type,
                max_results=max_results,
                filter_string=filter_string,
                order_by=order_by,
                page_token=page_token,
            )
        )

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        check_experiment_name(new_name)
        now = self._clock()
        self.database.write(lambda sql: experiments.rename(sql, experiment_id, new_name, now))

    def delete_experiment(self, experiment_id: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: experiments.delete(sql, experiment_id, now))

    def restore_experiment(self, experiment_id: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: experiments.restore(sql, experiment_id, now))

    def set_experiment_tag(self, experiment_id: str, tag: Tag) -> None:
        check_tag(tag, limits.EXPERIMENT_TAG_VALUE)
        now = self._clock()
        self.database.write(lambda sql: experiments.set_tag(sql, experiment_id, tag, now))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        now = self._clock()
        self.database.write(lambda sql: experiments.delete_tag(sql, experiment_id, key, now))
