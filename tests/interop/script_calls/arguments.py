# ruff: noqa: B023  -- each function is called at once
"""What experiments and runs are started with: names, ids, parents, statuses, tags."""

from typing import Any

from tests.interop.script_calls.recorder import Recorder


def make(call: Recorder, lib: Any) -> None:
    """Make the calls."""
    client = lib.MlflowClient()
    _experiments(call, lib, client)
    lib.set_experiment("main")
    _runs(call, lib, client)


def _experiments(call: Recorder, lib: Any, client: Any) -> None:
    given: Any
    name: Any
    for name in ("e1", "", None, "a b", "a/b", "ü", "x" * 501, "e1", 5):
        call(f"create_experiment {str(name)[:9]!r} {len(call.results)}", lambda: lib.create_experiment(name))
    for given in ("999", "abc", "0", 0, 1):
        call(f"get_experiment {given!r}", lambda: lib.get_experiment(given).name)
    for given in ("nope", "", None):
        call(f"get_experiment_by_name {given!r}", lambda: lib.get_experiment_by_name(given))
    call("set_experiment without", lambda: lib.set_experiment())
    call("set_experiment both", lambda: lib.set_experiment("a", experiment_id="0"))
    call("set_experiment unknown id", lambda: lib.set_experiment(experiment_id="12345"))
    call("set_experiment int id", lambda: lib.set_experiment(experiment_id=1).name)
    gone = lib.create_experiment("gone")
    for name, experiment in (("delete", gone), ("delete again", gone), ("delete unknown", "777")):
        call(f"experiment {name}", lambda: lib.delete_experiment(experiment))
    call("set_experiment deleted", lambda: lib.set_experiment("gone"))
    call("set_experiment deleted id", lambda: lib.set_experiment(experiment_id=gone))
    call("create_experiment deleted", lambda: lib.create_experiment("gone"))
    call("start_run in deleted", lambda: lib.start_run(experiment_id=gone))
    for name in ("restore", "restore again"):
        call(f"experiment {name}", lambda: lib.restore_experiment(gone))
    for name in ("new", "", None):
        call(f"rename_experiment {name!r}", lambda: client.rename_experiment(gone, name))
    for key, value in (("a", 1), ("", 1), (None, 1), ("a", "x" * 5001), ("a", "x" * 20001), ("k" * 251, 1), ("ü", "ü"),
                       ("a", None), ("a b/c.d-e:f", "v"), ("a;b", "v")):  # fmt: skip
        call(f"experiment tag {str(key)[:12]!r} {len(str(value))}", lambda: lib.set_experiment_tag(key, value))
    call("delete_experiment_tag", lambda: lib.delete_experiment_tag("a"))
    call("delete_experiment_tag unknown", lambda: lib.delete_experiment_tag("zz"))


def _runs(call: Recorder, lib: Any, client: Any) -> None:
    outer = lib.start_run()
    run_id = outer.info.run_id
    call("start_run inside", lambda: lib.start_run())
    call("start_run inside by id", lambda: lib.start_run(run_id=run_id))
    nested = lib.start_run(nested=True, run_name="n")
    call("get_parent_run", lambda: lib.get_parent_run(nested.info.run_id).info.run_id == run_id)
    call("active_run nested", lambda: lib.active_run().info.run_name)
    lib.end_run()
    call("active_run outer", lambda: lib.active_run().info.run_id == run_id)
    lib.end_run()
    call("last_active_run", lambda: lib.last_active_run().info.run_id == run_id)
    call("end_run without", lambda: lib.end_run())
    for status in ("FAILED", "KILLED", "BLA", "FINISHED"):
        run = lib.start_run(run_name="r")
        call(f"end_run {status}", lambda: lib.end_run(status))
        lib.end_run()
        if status != "BLA":
            call(f"status {status}", lambda: lib.get_run(run.info.run_id).info.status)
    again: dict[str, dict[str, Any]] = {
        "by id": {},
        "renamed": {"run_name": "other"},
        "tagged": {"tags": {"q": 1}, "description": "d"},
    }
    for name, options in again.items():
        call(f"resume {name}", lambda: lib.start_run(run_id=run_id, **options) and None)
        call(f"resumed {name}", lambda: client.get_run(run_id))
        lib.end_run()
    starts: dict[str, dict[str, Any]] = {
        "unknown": {"run_id": "0" * 32}, "no id": {"run_id": ""}, "unknown experiment": {"experiment_id": "4711"},
        "experiment 0": {"experiment_id": 0}, "unknown parent": {"parent_run_id": "0" * 32},
        "parent": {"parent_run_id": run_id}, "nested alone": {"nested": True}, "name int": {"run_name": 5},
        "name empty": {"run_name": ""}, "name unicode": {"run_name": "läuft 🚀"},
        "name and tag": {"run_name": "a", "tags": {"mlflow.runName": "b"}}, "tag": {"tags": {"mlflow.runName": "b"}},
        "description": {"description": "a"}, "tags list": {"tags": ["a"]},
        "description twice": {"description": "a", "tags": {"mlflow.note.content": "b"}},
    }  # fmt: skip
    for name, options in starts.items():
        started = call(f"start_run {name}", lambda: lib.start_run(**options) and None)
        if lib.active_run() is not None:
            call(f"started {name}", lambda: [client.get_run(lib.active_run().info.run_id), started])
        lib.end_run()
    for error in (ValueError(), KeyboardInterrupt(), SystemExit(0)):
        call(f"with {type(error).__name__}", lambda: _status_after(lib, error))
    made = client.create_run("0", run_name="c", tags={"a": "1"}, start_time=5)
    call("create_run", lambda: client.get_run(made.info.run_id))
    call("create_run start", lambda: client.get_run(made.info.run_id).info.start_time)
    call("create_run unknown", lambda: client.create_run("4711"))
    for ended in ((None, 7), ("BLA", None), ("FAILED", 9)):
        call(f"set_terminated {ended[0]}", lambda: client.set_terminated(made.info.run_id, *ended))
    call(
        "terminated",
        lambda: [client.get_run(made.info.run_id).info.status, client.get_run(made.info.run_id).info.end_time],
    )
    for options in ({"name": "nn"}, {"status": "RUNNING"}, {"status": "BLA"}, {}):
        call(f"update_run {options}", lambda: client.update_run(made.info.run_id, **options))
    call("updated", lambda: client.get_run(made.info.run_id))
    for name in ("delete_run", "delete_run", "restore_run"):
        call(f"{name} {len(call.results)}", lambda: getattr(client, name)(made.info.run_id))
        call(f"{name} unknown {len(call.results)}", lambda: getattr(client, name)("0" * 32))


def _status_after(lib: Any, error: BaseException) -> Any:
    run: Any = None
    try:
        with lib.start_run() as run:
            raise error
    except BaseException:  # noqa: BLE001  the run's status is what is looked at
        pass
    return lib.get_run(run.info.run_id).info.status
