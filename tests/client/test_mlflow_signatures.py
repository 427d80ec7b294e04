# ruff: noqa: E501  -- one line for each function
"""MLflow's names, arguments and defaults: the table holds what MLflow 3.17.2 has for classic machine learning.

`tests/interop/test_signatures.py` asks the real MLflow about the arguments; here every name has to be there too.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

import pytest

import siglum
import siglum.artifacts
import siglum.data

FLUENT = """
active_run()
autolog(log_input_examples=False, log_model_signatures=True, log_models=True, log_datasets=True, log_traces=True, disable=False, exclusive=False, disable_for_unsupported_versions=False, silent=False, extra_tags=None, exclude_flavors=None)
clear_active_model()
create_experiment(name, artifact_location=None, tags=None, trace_location=None)
create_external_model(name=None, source_run_id=None, tags=None, params=None, model_type=None, experiment_id=None)
delete_experiment(experiment_id)
delete_experiment_tag(key)
delete_logged_model_tag(model_id, key)
delete_run(run_id)
delete_tag(key)
disable_system_metrics_logging()
enable_system_metrics_logging()
end_run(status='FINISHED')
finalize_logged_model(model_id, status)
flush_artifact_async_logging()
flush_async_logging()
get_active_model_id()
get_artifact_uri(artifact_path=None)
get_experiment(experiment_id)
get_experiment_by_name(name)
get_logged_model(model_id)
get_parent_run(run_id)
get_registry_uri()
get_run(run_id)
get_tracking_uri()
import_checkpoints(checkpoint_path, source_run_id=None, model_prefix=None, overwrite_checkpoints=False)
initialize_logged_model(name=None, source_run_id=None, tags=None, params=None, model_type=None, experiment_id=None)
is_tracking_uri_set()
last_active_run()
last_logged_model()
load_table(artifact_file, run_ids=None, extra_columns=None)
log_artifact(local_path, artifact_path=None, run_id=None)
log_artifacts(local_dir, artifact_path=None, run_id=None)
log_dict(dictionary, artifact_file, run_id=None)
log_figure(figure, artifact_file, save_kwargs=None)
log_image(image, artifact_file=None, key=None, step=None, timestamp=None, synchronous=False)
log_input(dataset=None, context=None, tags=None, model=None)
log_inputs(datasets=None, contexts=None, tags_list=None, models=None)
log_metric(key, value, step=None, synchronous=None, timestamp=None, run_id=None, model_id=None, dataset=None)
log_metrics(metrics, step=None, synchronous=None, run_id=None, timestamp=None, model_id=None, dataset=None)
log_model_params(params, model_id=None)
log_outputs(models=None)
log_param(key, value, synchronous=None)
log_params(params, synchronous=None, run_id=None)
log_stream(stream, artifact_file, run_id=None)
log_table(data, artifact_file, run_id=None)
log_text(text, artifact_file, run_id=None)
register_model(model_uri, name, await_registration_for=300, tags=None, env_pack=None)
restore_experiment(experiment_id)
restore_run(run_id)
search_experiments(view_type=1, max_results=None, filter_string=None, order_by=None)
search_logged_models(experiment_ids=None, filter_string=None, datasets=None, max_results=None, order_by=None, output_format='pandas')
search_model_versions(max_results=None, filter_string=None, order_by=None)
search_registered_models(max_results=None, filter_string=None, order_by=None)
search_runs(experiment_ids=None, filter_string='', run_view_type=1, max_results=100000, order_by=None, output_format='pandas', search_all_experiments=False, experiment_names=None)
set_active_model(name=None, model_id=None)
set_experiment(experiment_name=None, experiment_id=None, trace_location=None)
set_experiment_tag(key, value)
set_experiment_tags(tags)
set_logged_model_tags(model_id, tags)
set_model_version_tag(name, version=None, key=None, value=None)
set_registry_uri(uri)
set_system_metrics_node_id(node_id)
set_system_metrics_samples_before_logging(samples)
set_system_metrics_sampling_interval(interval)
set_tag(key, value, synchronous=None)
set_tags(tags, synchronous=None)
set_tracking_uri(uri)
start_run(run_id=None, experiment_id=None, run_name=None, nested=False, parent_run_id=None, tags=None, description=None, log_system_metrics=None)
"""

CLIENT = """
copy_model_version(src_model_uri, dst_name)
create_experiment(name, artifact_location=None, tags=None)
create_logged_model(experiment_id, name=None, source_run_id=None, tags=None, params=None, model_type=None)
create_model_version(name, source, run_id=None, tags=None, run_link=None, description=None, await_creation_for=300, model_id=None)
create_registered_model(name, tags=None, description=None, deployment_job_id=None)
create_webhook(name, url, events, description=None, secret=None, status=None)
create_run(experiment_id, start_time=None, tags=None, run_name=None)
delete_experiment(experiment_id)
delete_experiment_tag(experiment_id, key)
delete_logged_model(model_id)
delete_logged_model_tag(model_id, key)
delete_model_version(name, version)
delete_model_version_tag(name, version=None, key=None, stage=None)
delete_registered_model(name)
delete_registered_model_alias(name, alias)
delete_registered_model_tag(name, key)
delete_run(run_id)
delete_tag(run_id, key)
delete_webhook(webhook_id)
download_artifacts(run_id, path, dst_path=None)
finalize_logged_model(model_id, status)
get_experiment(experiment_id)
get_experiment_by_name(name)
get_latest_versions(name, stages=None)
get_logged_model(model_id)
get_metric_history(run_id, key)
get_model_version(name, version)
get_model_version_by_alias(name, alias)
get_model_version_download_uri(name, version)
get_model_version_stages(name, version)
get_parent_run(run_id)
get_registered_model(name)
get_run(run_id)
get_webhook(webhook_id)
list_artifacts(run_id, path=None)
list_logged_model_artifacts(model_id, path=None)
list_webhooks(max_results=None, page_token=None)
load_table(experiment_id, artifact_file, run_ids=None, extra_columns=None)
log_artifact(run_id, local_path, artifact_path=None)
log_artifacts(run_id, local_dir, artifact_path=None)
log_batch(run_id, metrics=(), params=(), tags=(), synchronous=None)
log_dict(run_id, dictionary, artifact_file)
log_figure(run_id, figure, artifact_file, save_kwargs=None)
log_image(run_id, image, artifact_file=None, key=None, step=None, timestamp=None, synchronous=None)
log_inputs(run_id, datasets=None, models=None)
log_metric(run_id, key, value, timestamp=None, step=None, synchronous=None, dataset_name=None, dataset_digest=None, model_id=None)
log_model_artifact(model_id, local_path, artifact_path=None)
log_model_artifacts(model_id, local_dir, artifact_path=None)
log_model_params(model_id, params)
log_outputs(run_id, models)
log_param(run_id, key, value, synchronous=None)
log_stream(run_id, stream, artifact_file)
log_table(run_id, data, artifact_file)
log_text(run_id, text, artifact_file)
rename_experiment(experiment_id, new_name)
rename_registered_model(name, new_name)
restore_experiment(experiment_id)
restore_run(run_id)
search_experiments(view_type=1, max_results=1000, filter_string=None, order_by=None, page_token=None)
search_logged_models(experiment_ids, filter_string=None, datasets=None, max_results=None, order_by=None, page_token=None)
search_model_versions(filter_string=None, max_results=10000, order_by=None, page_token=None)
search_registered_models(filter_string=None, max_results=100, order_by=None, page_token=None)
search_runs(experiment_ids, filter_string='', run_view_type=1, max_results=1000, order_by=None, page_token=None)
set_experiment_tag(experiment_id, key, value)
set_logged_model_tags(model_id, tags)
set_model_version_tag(name, version=None, key=None, value=None, stage=None)
set_registered_model_alias(name, alias, version)
set_registered_model_tag(name, key, value)
set_tag(run_id, key, value, synchronous=None)
set_terminated(run_id, status=None, end_time=None)
test_webhook(webhook_id, event=None)
transition_model_version_stage(name, version, stage, archive_existing_versions=False)
update_model_version(name, version, description=None)
update_registered_model(name, description=None, deployment_job_id=None)
update_run(run_id, status=None, name=None)
update_webhook(webhook_id, name=None, description=None, url=None, events=None, secret=None, status=None)
"""

ARTIFACTS = """
download_artifacts(artifact_uri=None, run_id=None, artifact_path=None, dst_path=None, tracking_uri=None, registry_uri=None)
list_artifacts(artifact_uri=None, run_id=None, artifact_path=None, tracking_uri=None)
load_dict(artifact_uri)
load_image(artifact_uri)
load_text(artifact_uri)
"""

DATA = """
from_huggingface(ds, path=None, targets=None, data_dir=None, data_files=None, revision=None, name=None, digest=None, trust_remote_code=None, source=None)
from_numpy(features, source=None, targets=None, name=None, digest=None)
from_pandas(df, source=None, targets=None, name=None, digest=None, predictions=None)
from_polars(df, source=None, targets=None, name=None, digest=None, predictions=None)
from_spark(df, path=None, table_name=None, version=None, sql=None, targets=None, name=None, digest=None, predictions=None)
from_tensorflow(features, source=None, targets=None, name=None, digest=None)
get_source(dataset)
load_delta(path=None, table_name=None, version=None, targets=None, name=None, digest=None)
"""

PLACES: dict[str, tuple[Any, str]] = {
    "fluent": (siglum, FLUENT),
    "client": (siglum.MlflowClient, CLIENT),
    "artifacts": (siglum.artifacts, ARTIFACTS),
    "data": (siglum.data, DATA),
}

# What is not there, and why. Calling it is an AttributeError.
ABSENT = {
    "fluent.import_checkpoints": "reads Databricks volumes",
}

# Arguments of features that are not there: passing one is a TypeError, never silently ignored.
ABSENT_ARGUMENTS = {
    ("fluent.autolog", "log_traces"): "traces are of generative models",
    ("fluent.create_experiment", "trace_location"): "traces are of generative models",
    ("fluent.set_experiment", "trace_location"): "traces are of generative models",
    ("fluent.register_model", "env_pack"): "Databricks' serving",
    ("data.load_delta", "table_name"): "names are found in a metastore, through Spark",
    ("client.create_registered_model", "deployment_job_id"): "Databricks' deployment jobs",
    ("client.update_registered_model", "deployment_job_id"): "Databricks' deployment jobs",
}

OTHER_DEFAULTS = {
    ("fluent.search_runs", "output_format"): "None: pandas where it is installed, else a list",
    ("fluent.search_logged_models", "output_format"): "None: pandas where it is installed, else a list",
}


def rows() -> list[tuple[str, str]]:
    return [(place, line) for place, (_, table) in PLACES.items() for line in table.split("\n") if line]


def parsed(line: str) -> tuple[str, dict[str, Any]]:
    """Return a function's name and its arguments with their defaults (`...` for none)."""
    (node,) = ast.parse(f"def {line}: pass").body
    assert isinstance(node, ast.FunctionDef)
    names = [argument.arg for argument in node.args.args]
    defaults = [ast.literal_eval(each) for each in node.args.defaults]
    return node.name, dict(zip(names, [...] * (len(names) - len(defaults)) + defaults, strict=True))


def wrong_about(place: str, line: str, find: Callable[[str, str], Any]) -> list[str]:
    name, wanted = parsed(line)
    full = f"{place}.{name}"
    function = find(place, name)
    if full in ABSENT:
        return [] if function is None else [f"{full} is there"]
    if function is None:
        return [f"{full} is missing"]
    have = inspect.signature(function).parameters
    problems = []
    for argument, default in wanted.items():
        key = (full, argument)
        if key in ABSENT_ARGUMENTS:
            problems += [f"{full}({argument}) is there"] if argument in have else []
        elif argument not in have:
            problems.append(f"{full}({argument}) is missing")
        elif key not in OTHER_DEFAULTS:
            given = have[argument].default
            if given != default and not (given is inspect.Parameter.empty and default is ...):
                problems.append(f"{full}({argument}) is {given!r} by default, not {default!r}")
    in_order = [argument for argument in have if argument in wanted]
    if in_order != [argument for argument in wanted if argument in in_order]:
        problems.append(f"{full} has its arguments in another order")
    own = [p for p in have.values() if p.name not in wanted and p.name != "self"]
    problems += [f"{full}({p.name}) has no default" for p in own if p.default is inspect.Parameter.empty]
    return problems


def find(place: str, name: str) -> Any:
    return getattr(PLACES[place][0], name, None)


def test_names_arguments_and_defaults() -> None:
    assert len(rows()) > 140
    assert [problem for place, line in rows() for problem in wrong_about(place, line, find)] == []


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        (None, "missing"),
        (lambda value, key: None, "another order"),
        (lambda key, value, synchronous=False: None, "is False by default"),
        (lambda key, value: None, "(synchronous) is missing"),
        (lambda key, value, synchronous=None, *, more: None, "(more) has no default"),
    ],
)
def test_the_comparison_finds_what_is_wrong(instead: Any, words: str) -> None:
    found = wrong_about("fluent", "log_param(key, value, synchronous=None)", lambda _place, _name: instead)
    assert any(words in problem for problem in found), found
