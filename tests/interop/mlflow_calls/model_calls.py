"""Logged models, registered models, versions and webhooks, through `MlflowClient`. Nothing is checked here."""

import json
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from tests.interop.mlflow_calls.recorder import Recorder

LONG = "x" * 251


def logged_models(r: Recorder, client: MlflowClient, folder: Path) -> None:
    call = r.call
    e = client.create_experiment("logged models")
    run_id = client.create_run(e, run_name="makes").info.run_id
    one = call("create_logged_model", client.create_logged_model, e, name="one", source_run_id=run_id,
               tags={"t": "1", "a/b": "2"}, params={"p": "1", "q": "x"}, model_type="kind").model_id  # fmt: skip
    call("create_logged_model plain", client.create_logged_model, e)
    two = client.create_logged_model(e, name="two", params={"p": "2"}).model_id
    for name in ("a/b", "a:b", "a.b", "a%b", "a'b", 'a"b', ""):
        call(f"create_logged_model {name}", client.create_logged_model, e, name=name)
    call("create_logged_model unknown experiment", client.create_logged_model, "12345")
    call("create_logged_model 150 params", lambda: len(
        client.create_logged_model(e, name="many", params={f"p{i:03}": "1" for i in range(150)}).params))  # fmt: skip
    call("get_logged_model", client.get_logged_model, one)
    call("get_logged_model unknown", client.get_logged_model, f"m-{'0' * 32}")
    call("log_model_params", client.log_model_params, one, {"later": "1"})
    call("log_model_params again", client.log_model_params, one, {"later": "1"})
    call("set_logged_model_tags", client.set_logged_model_tags, one, {"t": "new", "u": "3"})
    call("delete_logged_model_tag", client.delete_logged_model_tag, one, "u")
    call("delete_logged_model_tag with a slash", client.delete_logged_model_tag, one, "a/b")
    call("delete_logged_model_tag again", client.delete_logged_model_tag, one, "u")
    call("log_metric of a model", client.log_metric, run_id, "acc", 0.5, timestamp=1, step=1, model_id=one)
    client.log_metric(run_id, "acc", 0.7, timestamp=2, step=2, model_id=one, dataset_name="d", dataset_digest="x")
    client.log_metric(run_id, "acc", 0.3, timestamp=2, step=2, model_id=two)
    call("finalize_logged_model", client.finalize_logged_model, one, LoggedModelStatus.READY)
    call("finalize_logged_model failed", client.finalize_logged_model, two, "FAILED")
    call("finalize_logged_model unknown", client.finalize_logged_model, f"m-{'0' * 32}", "READY")
    (folder / "model.bin").write_bytes(b"model")
    call("log_model_artifact", client.log_model_artifact, one, str(folder / "model.bin"))
    (folder / "models").mkdir()
    (folder / "models" / "more.bin").write_bytes(b"more")
    call("log_model_artifacts", client.log_model_artifacts, one, str(folder / "models"), "sub")
    call("list_logged_model_artifacts", client.list_logged_model_artifacts, one)
    call("list_logged_model_artifacts folder", client.list_logged_model_artifacts, one, "sub")

    def names(**options: Any) -> list[str]:
        return [model.name for model in client.search_logged_models([e], **options)]

    for text in (
        "", "name = 'one'", "name LIKE 'on_'", "attributes.name != 'one'", "model_type = 'kind'", "status = 2",
        "status = 1",
        "metrics.acc > 0.6", "metrics.acc < 0.4", "params.p = '1'", "params.p IN ('1', '2')", "tags.t = 'new'",
        "name IN ('one', 'two')", "name NOT IN ('one')", "creation_timestamp > 0", "creation_time > 0",
        "name ILIKE 'ONE'",
        "name = 'one' AND params.p = '1'", "model_id = 'x'", "name = \"one\"", "metrics.acc > 'x'", "params.p = 1",
        "name = 'one' OR name = 'two'", "status = 'READY'",
    ):  # fmt: skip
        if text != "":
            r.call(f"search_logged_models {text}", names, filter_string=text)
    for order in (
        [{"field_name": "metrics.acc"}], [{"field_name": "metrics.acc", "ascending": False}], [{"field_name": "name"}],
        [{"field_name": "creation_timestamp", "ascending": True}], [{"field_name": "params.p"}],
        [{"field_name": "metrics.acc", "dataset_name": "d", "dataset_digest": "x"}, {"field_name": "name"}],
        [{"field_name": "last_updated_timestamp"}, {"field_name": "name"}], [{"field_name": "metrics.acc",
        "dataset_name": "d"}],
    ):  # fmt: skip
        found = names(order_by=order) if _orders_well(order) else None
        r.keep(
            f"search_logged_models by {json.dumps(order)}", found and [n for n in found if n in ("one", "two", "many")]
        )
    r.call("search_logged_models bad order", names, order_by=[{"field_name": "params.p"}])
    r.call("search_logged_models of a data set", names, datasets=[{"dataset_name": "d", "dataset_digest": "x"}])
    r.call("search_logged_models metric on a data set", names, filter_string="metrics.acc > 0.6",
           datasets=[{"dataset_name": "d", "dataset_digest": "x"}])  # fmt: skip
    r.call("search_logged_models pages", lambda: bool(client.search_logged_models([e], max_results=2).token))
    call("delete_logged_model", client.delete_logged_model, two)
    call("get_logged_model deleted", client.get_logged_model, two)
    call("delete_logged_model again", client.delete_logged_model, two)
    call("search_logged_models without deleted", lambda: sorted(n for n in names() if n in ("one", "two", "many")))


def _orders_well(order: list[dict[str, Any]]) -> bool:
    return not any(clause["field_name"].startswith("params.") for clause in order)


def registered_models(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    call("create_registered_model", client.create_registered_model, "m", tags={"t": "1"}, description="d")
    call("create_registered_model again", client.create_registered_model, "m")
    for name in ("", "a/b", "a:b", "..", "a b", "größe", "a%2Fb"):
        call(f"create_registered_model {name[:5]!r}", client.create_registered_model, name)
    call("get_registered_model", client.get_registered_model, "m")
    call("get_registered_model unknown", client.get_registered_model, "nothing")
    call("update_registered_model", client.update_registered_model, "m", "new")
    call("update_registered_model to nothing", client.update_registered_model, "m", None)
    call("rename_registered_model", client.rename_registered_model, "m", "model")
    call("rename_registered_model taken", client.rename_registered_model, "model", "a b")
    call("rename_registered_model unknown", client.rename_registered_model, "m", "x")
    call("set_registered_model_tag", client.set_registered_model_tag, "model", "k", "v")
    call("set_registered_model_tag long key", client.set_registered_model_tag, "model", LONG, "v")
    call("set_registered_model_tag unknown", client.set_registered_model_tag, "nothing", "k", "v")
    call("delete_registered_model_tag", client.delete_registered_model_tag, "model", "k")
    call("delete_registered_model_tag again", client.delete_registered_model_tag, "model", "k")
    for i in range(3):
        call(f"create_registered_model page {i}", client.create_registered_model, f"page {i}", tags={"n": str(i)})

    def names(text: str | None = None, **options: Any) -> list[str]:
        return [model.name for model in client.search_registered_models(text, **options)]

    for text in (
        None, "name = 'model'", "name LIKE 'page%'", "name ILIKE 'PAGE%'", "name != 'model'",
        "name IN ('model', 'page 1')",
        "tags.t = '1'", "tag.n != '1'", "tags.n LIKE '%'", "foo = 'x'", "name > 'x'", "name = 'model' AND tags.t = '1'",
        "name = model", "name = 'a' OR name = 'b'",
    ):  # fmt: skip
        call(f"search_registered_models {text}", names, text)
    for order in (["name"], ["name DESC"], ["timestamp", "name"], ["last_updated_timestamp DESC", "name"], ["tags.n"],
                  ["creation_timestamp"]):  # fmt: skip
        call(f"search_registered_models by {order}", names, order_by=order)
    page = client.search_registered_models(max_results=2)
    client.create_registered_model("0 first")
    call("search_registered_models next page", names, max_results=2, page_token=page.token)
    for number in (0, -1, 1001):
        call(f"search_registered_models {number} results", client.search_registered_models, max_results=number)
    call("create_registered_model long", client.create_registered_model, "x" * 257)
    call("delete_registered_model long", client.delete_registered_model, "x" * 257)
    call("create_registered_model prompt", client.create_registered_model, "prompt",
         tags={"mlflow.prompt.is_prompt": "true"})  # fmt: skip


def model_versions(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    e = client.create_experiment("versions")
    run_id = client.create_run(e).info.run_id
    root = client.get_run(run_id).info.artifact_uri
    model_id = client.create_logged_model(e, name="logged").model_id
    name = "versioned"
    client.create_registered_model(name)
    call("create_model_version", client.create_model_version, name, f"{root}/model", run_id, tags={"t": "1"},
         run_link="http://x", description="d")  # fmt: skip
    call("create_model_version runs", client.create_model_version, name, f"runs:/{run_id}/model", run_id)
    call("create_model_version models", client.create_model_version, name, f"models:/{model_id}", model_id=model_id)
    call("create_model_version of a version", client.create_model_version, name, f"models:/{name}/1")
    call("create_model_version s3", client.create_model_version, name, "s3://bucket/model")
    for kind, source in (
        ("unknown model", "s3://x/y"), ("local", "/etc"), ("file", "file:///etc"), ("relative", "etc/passwd"),
        ("dots", f"{root}/../../other"), ("s3 dots", "s3://bucket/../x"), ("other run", f"runs:/{'0' * 32}/model"),
        ("empty", ""), ("http", "http://example.com/x"), ("missing version", f"models:/{name}/99"),
    ):  # fmt: skip
        target = "nothing" if kind == "unknown model" else name
        call(f"create_model_version {kind}", client.create_model_version, target, source, run_id)
    call("get_model_version", client.get_model_version, name, "1")
    call("get_model_version of a logged model", client.get_model_version, name, "3")
    call("get_model_version unknown", client.get_model_version, name, "99")
    call("get_model_version not a number", client.get_model_version, name, "x")
    call("tags of the logged model", lambda: sorted(client.get_logged_model(model_id).tags))
    for version in ("1", "2", "3", "4", "5"):
        call(f"get_model_version_download_uri {version}", client.get_model_version_download_uri, name, version)
    call("get_model_version_download_uri unknown", client.get_model_version_download_uri, name, "99")
    call("update_model_version", client.update_model_version, name, "1", "new")
    call("set_model_version_tag", client.set_model_version_tag, name, "1", "k", "v")
    call("delete_model_version_tag", client.delete_model_version_tag, name, "1", "k")
    call("delete_model_version_tag again", client.delete_model_version_tag, name, "1", "k")
    call("transition_model_version_stage", client.transition_model_version_stage, name, "1", "staging")
    call("set_model_version_tag by stage", client.set_model_version_tag, name, key="s", value="v", stage="Staging")
    call("transition_model_version_stage archive", client.transition_model_version_stage, name, "2", "Staging", True)
    call("get_model_version archived", client.get_model_version, name, "1")
    call("transition_model_version_stage bad", client.transition_model_version_stage, name, "2", "Nowhere")
    call("get_model_version_stages", client.get_model_version_stages, name, "1")
    call("get_latest_versions", client.get_latest_versions, name)
    call("get_latest_versions stage", client.get_latest_versions, name, ["Staging"])
    call("get_latest_versions bad stage", client.get_latest_versions, name, ["Nowhere"])
    call("get_latest_versions unknown", client.get_latest_versions, "nothing")
    call("set_registered_model_alias", client.set_registered_model_alias, name, "champion", "1")
    call("set_registered_model_alias moves", client.set_registered_model_alias, name, "champion", "2")
    for alias in ("latest", "v3", "a b", "x" * 256, ""):
        call(f"set_registered_model_alias {alias[:6]!r}", client.set_registered_model_alias, name, alias, "1")
    call("set_registered_model_alias unknown version", client.set_registered_model_alias, name, "other", "99")
    call("get_model_version_by_alias", client.get_model_version_by_alias, name, "champion")
    call("get_model_version_by_alias unknown", client.get_model_version_by_alias, name, "nobody")
    call("get_model_version_by_alias latest", lambda: str(client.get_model_version_by_alias(name, "latest").version))
    call("get_registered_model with versions", client.get_registered_model, name)
    call("copy_model_version", client.copy_model_version, f"models:/{name}/1", "copied")

    def found(text: str | None = None, **options: Any) -> list[str]:
        return [f"{v.name} {v.version}" for v in client.search_model_versions(text, **options)]

    for text in (
        f"name = '{name}'", "name LIKE 'vers%'", f"run_id = '{run_id}'", "run_id IN ('x')", "source_path LIKE 's3%'",
        f"name = '{name}' AND version_number > 2", f"name = '{name}' AND version_number = '1'", "tags.t = '1'",
        "tag.s LIKE '%'", "current_stage = 'None'", "foo = 'x'", f"name = '{name}' AND tags.t != 'x'",
        "version_number = 'x'",
        f"name IN ('{name}', 'copied')",
    ):  # fmt: skip
        shown = text.replace(run_id, "<run>")
        call(f"search_model_versions {shown}", found, text, order_by=["name", "version_number"])
    for order in (["version_number"], ["version_number DESC"], ["name", "version_number DESC"], ["creation_timestamp"],
                  ["source_path"], ["foo"]):  # fmt: skip
        call(f"search_model_versions by {order}", found, f"name = '{name}'", order_by=order)
    call("search_model_versions pages", lambda: bool(client.search_model_versions(max_results=2).token))
    call("delete_registered_model_alias", client.delete_registered_model_alias, name, "champion")
    call("delete_registered_model_alias again", client.delete_registered_model_alias, name, "champion")
    call("delete_model_version", client.delete_model_version, name, "2")
    call("delete_model_version again", client.delete_model_version, name, "2")
    call("get_model_version deleted", client.get_model_version, name, "2")
    call("delete_model_version last", client.delete_model_version, name, "5")
    call("create_model_version after a deletion", client.create_model_version, name, "s3://bucket/again")
    call("delete_registered_model", client.delete_registered_model, name)
    call("delete_registered_model again", client.delete_registered_model, name)
    call("get_model_version of a deleted model", client.get_model_version, name, "1")


def webhooks(r: Recorder, client: MlflowClient) -> None:
    call = r.call
    one = call("create_webhook", client.create_webhook, "hook", "https://93.184.216.34/x", ["registered_model.created"],
               "d", "secret")  # fmt: skip
    call("create_webhook no events", client.create_webhook, "hook", "https://93.184.216.34/x", [])
    call("create_webhook inside", client.create_webhook, "hook", "https://127.0.0.1/x", ["model_version.created"])
    call("create_webhook http", client.create_webhook, "hook", "http://93.184.216.34/", ["model_version.created"])
    call("create_webhook bad name", client.create_webhook, "a b", "https://93.184.216.34/", ["model_version.created"])
    call("get_webhook", client.get_webhook, one.webhook_id)
    call("list_webhooks", client.list_webhooks)
    call("update_webhook", client.update_webhook, one.webhook_id, name="new", status="DISABLED",
         events=["model_version_alias.created", "model_version.created"])  # fmt: skip
    call("delete_webhook", client.delete_webhook, one.webhook_id)
    call("get_webhook deleted", client.get_webhook, one.webhook_id)
    call("delete_webhook again", client.delete_webhook, one.webhook_id)
    call("test_webhook unknown", client.test_webhook, one.webhook_id)
