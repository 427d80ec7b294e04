"""Experiments."""

from __future__ import annotations

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.server.route import Call, Services
from siglum.server.sources import check_artifact_location
from siglum.tracking import calls
from siglum.tracking.entities import Tag
from siglum.tracking.wire import read_view_type, write_experiment


def create(services: Services, request: calls.CreateExperiment, _call: Call) -> calls.ExperimentId:
    """Create an experiment. A client may not point it at a folder of the server."""
    location = check_artifact_location(request.artifact_location)
    made = services.tracking.create_experiment(request.name, location, request.tags)
    return calls.ExperimentId(experiment_id=made)


def get(services: Services, request: calls.ExperimentId, _call: Call) -> calls.ExperimentAnswer:
    """Return an experiment."""
    return calls.ExperimentAnswer(experiment=write_experiment(services.tracking.get_experiment(request.experiment_id)))


def get_by_name(services: Services, request: calls.GetExperimentByName, _call: Call) -> calls.ExperimentAnswer:
    """Return the experiment of a name."""
    found = services.tracking.get_experiment_by_name(request.experiment_name)
    if found is None:
        raise NotFoundError(f"Could not find experiment with name '{request.experiment_name}'.")
    return calls.ExperimentAnswer(experiment=write_experiment(found))


def search(services: Services, request: calls.SearchExperiments, _call: Call) -> calls.ExperimentsAnswer:
    """Return a page of experiments."""
    page = services.tracking.search_experiments(
        view_type=read_view_type(request.view_type),
        max_results=request.max_results or 0,  # which is refused: MLflow has no default here
        filter_string=request.filter or "",
        order_by=request.order_by,
        page_token=request.page_token or None,
    )
    return calls.ExperimentsAnswer(
        experiments=[write_experiment(item) for item in page.items], next_page_token=page.next_token
    )


def update(services: Services, request: calls.UpdateExperiment, _call: Call) -> calls.Empty:
    """Rename an experiment."""
    if not request.new_name:
        raise InvalidInputError("Missing value for required parameter 'new_name'.")
    services.tracking.rename_experiment(request.experiment_id, request.new_name)
    return calls.Empty()


def delete(services: Services, request: calls.ExperimentId, _call: Call) -> calls.Empty:
    """Mark an experiment as deleted."""
    services.tracking.delete_experiment(request.experiment_id)
    return calls.Empty()


def restore(services: Services, request: calls.ExperimentId, _call: Call) -> calls.Empty:
    """Undo a deletion."""
    services.tracking.restore_experiment(request.experiment_id)
    return calls.Empty()


def set_tag(services: Services, request: calls.SetExperimentTag, _call: Call) -> calls.Empty:
    """Set a tag."""
    services.tracking.set_experiment_tag(request.experiment_id, Tag(request.key, request.value))
    return calls.Empty()


def delete_tag(services: Services, request: calls.DeleteExperimentTag, _call: Call) -> calls.Empty:
    """Remove a tag."""
    services.tracking.delete_experiment_tag(request.experiment_id, request.key)
    return calls.Empty()
