"""Logged models."""

from __future__ import annotations

from siglum.server.route import Call, Services
from siglum.tracking import calls
from siglum.tracking.wire import read_dataset_filter, read_model_status, read_order, write_logged_model

DEFAULT_PAGE = 100


def create(services: Services, request: calls.CreateLoggedModel, _call: Call) -> calls.LoggedModelAnswer:
    """Create a logged model whose files are still to come."""
    made = services.tracking.create_logged_model(
        request.experiment_id,
        name=request.name or None,
        source_run_id=request.source_run_id or None,
        tags=request.tags,
        params=request.params,
        model_type=request.model_type or None,
    )
    return calls.LoggedModelAnswer(model=write_logged_model(made))


def get(services: Services, request: calls.GetLoggedModel, _call: Call) -> calls.LoggedModelAnswer:
    """Return a logged model."""
    found = services.tracking.get_logged_model(request.model, allow_deleted=request.allow_deleted)
    return calls.LoggedModelAnswer(model=write_logged_model(found))


def finalize(services: Services, request: calls.FinalizeLoggedModel, _call: Call) -> calls.LoggedModelAnswer:
    """Set the status."""
    changed = services.tracking.finalize_logged_model(request.model, read_model_status(request.status))
    return calls.LoggedModelAnswer(model=write_logged_model(changed))


def delete(services: Services, request: calls.LoggedModelRequest, _call: Call) -> calls.Empty:
    """Mark a logged model as deleted."""
    services.tracking.delete_logged_model(request.model)
    return calls.Empty()


def set_tags(services: Services, request: calls.SetLoggedModelTags, _call: Call) -> calls.Empty:
    """Set tags."""
    services.tracking.set_logged_model_tags(request.model, request.tags)
    return calls.Empty()


def delete_tag(services: Services, request: calls.DeleteLoggedModelTag, _call: Call) -> calls.Empty:
    """Remove one tag."""
    services.tracking.delete_logged_model_tag(request.model, request.tag_key)
    return calls.Empty()


def log_params(services: Services, request: calls.LogLoggedModelParams, _call: Call) -> calls.Empty:
    """Add parameters."""
    services.tracking.log_logged_model_params(request.model, request.params)
    return calls.Empty()


def search(services: Services, request: calls.SearchLoggedModels, _call: Call) -> calls.LoggedModelsAnswer:
    """Return a page of logged models."""
    page = services.tracking.search_logged_models(
        request.experiment_ids,
        filter_string=request.filter or "",
        datasets=[read_dataset_filter(given) for given in request.datasets],
        max_results=DEFAULT_PAGE if request.max_results is None else request.max_results,
        order_by=read_order(request.order_by),
        page_token=request.page_token or None,
    )
    return calls.LoggedModelsAnswer(
        models=[write_logged_model(model) for model in page.items], next_page_token=page.next_token
    )
