# ruff: noqa: B023  -- each function is called at once
"""Registered models, their versions, and logged models."""

from typing import Any

from tests.interop.script_calls.recorder import Recorder


def make(call: Recorder, lib: Any) -> None:
    """Make the calls."""
    client = lib.MlflowClient()
    with lib.start_run() as run:
        lib.log_text("x", "model/a.txt")
    _models(call, client)
    _versions(call, client, run.info.run_id, f"{run.info.artifact_uri}/model")
    _logged_models(call, lib, client)


def _models(call: Recorder, client: Any) -> None:
    for name in ("rm", "rm", "", None, "a/b", "a:b"):
        call(f"create_registered_model {name!r} {len(call.results)}", lambda: client.create_registered_model(name).name)
    call("get_registered_model none", lambda: client.get_registered_model("zz"))
    call("update_registered_model", lambda: client.update_registered_model("rm", description="e").description)
    call("rename_registered_model none", lambda: client.rename_registered_model("zz", "y"))
    client.set_registered_model_tag("rm", "k", "v")
    call("registered model", lambda: _shown(client.get_registered_model("rm"), "tags description name aliases"))
    for key in ("k", "zz"):
        call(f"delete_registered_model_tag {key}", lambda: client.delete_registered_model_tag("rm", key))
    for options in ({}, {"filter_string": "name='rm'"}, {"filter_string": "name LIKE 'z%'"}, {"filter_string": "bad"},
                    {"max_results": 2000}, {"order_by": ["bad"]}):  # fmt: skip
        call(
            f"search_registered_models {options}", lambda: [m.name for m in client.search_registered_models(**options)]
        )


def _versions(call: Recorder, client: Any, run_id: str, source: str) -> None:
    made = client.create_model_version("rm", source, run_id=run_id, tags={"a": "1"}, description="x")
    call("version", lambda: _shown(made, "current_stage status tags description run_id"))
    call("create_model_version none", lambda: client.create_model_version("zz", source))
    for version in ("1", 1, "9", "abc", -1, "0", "1.0"):
        call(f"get_model_version {version!r}", lambda: int(client.get_model_version("rm", version).version))
    for alias, version in (("a", "1"), ("latest", "1"), ("v1", "1"), ("", "1"), ("b", "9"), ("a b", "1"), ("ü", "1")):
        call(f"alias {alias} {version}", lambda: client.set_registered_model_alias("rm", alias, version) and None)
    call("alias", lambda: list(client.get_model_version_by_alias("rm", "a").aliases))
    call("alias none", lambda: client.get_model_version_by_alias("rm", "zz"))
    for alias in ("a", "zz"):
        call(f"delete alias {alias}", lambda: client.delete_registered_model_alias("rm", alias) and None)
    for stage in ("Production", "staging", "bla", "None", "Archived"):
        moved = lambda: client.transition_model_version_stage("rm", "1", stage).current_stage  # noqa: E731
        call(f"stage {stage}", moved)
    call("get_model_version_stages", lambda: client.get_model_version_stages("rm", "1"))
    call("get_latest_versions", lambda: [int(each.version) for each in client.get_latest_versions("rm")])
    call("get_latest_versions bla", lambda: client.get_latest_versions("rm", ["bla"]))
    call("version tag", lambda: client.set_model_version_tag("rm", "1", "k", "v"))
    call("version tag by stage", lambda: client.set_model_version_tag("rm", key="k2", value="v", stage="Archived"))
    call("version tag neither", lambda: client.set_model_version_tag("rm", key="k", value="v"))
    call("version tags", lambda: client.get_model_version("rm", "1").tags)
    for options in ({}, {"filter_string": "name='rm'"}, {"filter_string": "version_number=1"},
                    {"filter_string": f"run_id='{run_id}'"}, {"filter_string": "bad"}, {"max_results": 0}):  # fmt: skip
        shown = str(options).replace(run_id, "<run>")
        call(
            f"search_model_versions {shown}", lambda: [int(v.version) for v in client.search_model_versions(**options)]
        )
    call("copy_model_version", lambda: int(client.copy_model_version("models:/rm/1", "copy").version))
    call("copy_model_version none", lambda: client.copy_model_version("models:/zz/1", "copy"))
    for _ in range(2):
        call(f"delete_model_version {len(call.results)}", lambda: client.delete_model_version("rm", "1"))
    for _ in range(2):
        call(f"delete_registered_model {len(call.results)}", lambda: client.delete_registered_model("rm"))


def _logged_models(call: Recorder, lib: Any, client: Any) -> None:
    made = lib.initialize_logged_model(name="lm", params={"a": "1"}, tags={"t": "2"})
    call("initialize_logged_model", lambda: [made.name, made.status == "PENDING", made.params, made.tags["t"]])
    call("initialize_logged_model bad", lambda: lib.initialize_logged_model(name="a/b"))
    call("finalize_logged_model", lambda: str(lib.finalize_logged_model(made.model_id, "READY").status))
    call("finalize_logged_model bad", lambda: lib.finalize_logged_model(made.model_id, "BLA"))
    call("get_logged_model none", lambda: lib.get_logged_model("m-0"))
    call("delete_logged_model_tag none", lambda: lib.delete_logged_model_tag(made.model_id, "zz"))
    call("search_logged_models", lambda: [each.name for each in lib.search_logged_models(output_format="list")])
    call("set_active_model", lambda: lib.set_active_model(name="am").name)
    call("set_active_model without", lambda: lib.set_active_model())
    call("clear_active_model", lambda: lib.clear_active_model())
    call("get_active_model_id", lambda: lib.get_active_model_id())
    call("delete_logged_model", lambda: client.delete_logged_model(made.model_id))
    call("get_logged_model deleted", lambda: lib.get_logged_model(made.model_id))


def _shown(entity: Any, names: str) -> list[Any]:
    return [getattr(entity, name) for name in names.split()]
