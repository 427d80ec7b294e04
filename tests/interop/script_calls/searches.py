# ruff: noqa: B023  -- each function is called at once
"""Searching runs and experiments, with every argument."""

from typing import Any

from tests.interop.script_calls.recorder import Recorder

RUNS: list[dict[str, Any]] = [
    *({"filter_string": text} for text in (
        "metrics.acc > 0.1", "params.depth = '2'", "tags.who = 'a'", "tags.who != 'a'", "metrics.nope > 1",
        "attributes.status = 'FINISHED'", "status = 'FINISHED'", "run_name LIKE 's%'", "run_name ILIKE 'S%'",
        "attributes.run_id IN ('x')", "bad", "metrics.acc > 'x'", 'tags.`who` = "a"', "tags.who IS NULL",
        "attributes.start_time > 0", None, "inputs.x='y'",
    )),
    *({"order_by": order} for order in (
        ["metrics.acc DESC"], ["params.depth ASC"], ["start_time DESC"], ["attribute.run_name"], ["nope"],
        ["metrics.acc DOWN"],
    )),
    *({"max_results": most} for most in (2, -1)),
    *({"run_view_type": view} for view in (2, 3)),
    *({"experiment_names": names} for names in (["search"], ["zzz"], ["search", "zzz"])),
    *({"experiment_ids": ids} for ids in (["4711"], ["x"], [])),
    {"experiment_ids": ["1"], "experiment_names": ["search"]},
]  # fmt: skip
EXPERIMENTS: list[dict[str, Any]] = [
    {"filter_string": "name = 'e1'"}, {"filter_string": "name LIKE 'sea%'"}, {"filter_string": "bad"},
    {"filter_string": "foo = 'x'"}, {"order_by": ["nope"]}, {"max_results": 1}, {"max_results": 0},
    {"max_results": -1}, {"max_results": 100_000, "filter_string": "name = 'e1'"},
    {"view_type": 2}, {"order_by": "name"},
]  # fmt: skip


def make(call: Recorder, lib: Any) -> None:
    """Make the calls, in an experiment of their own."""
    lib.set_experiment("search")
    for number in range(4):
        with lib.start_run(run_name=f"s{number}"):
            lib.log_metric("acc", number / 10)
            lib.log_param("depth", number)
            lib.set_tag("who", "a" if number % 2 else "b")
    for options in RUNS:
        wanted: dict[str, Any] = {"order_by": ["attribute.run_name"], "output_format": "list", **options}
        call(f"search_runs {options}", lambda: [run.info.run_name for run in lib.search_runs(**wanted)])
    call("search_runs pandas", lambda: sorted(_columns(lib.search_runs())))
    call("search_runs dtypes", lambda: {name: str(kind) for name, kind in _columns(lib.search_runs()).items()})
    call("search_runs nothing", lambda: list(lib.search_runs(filter_string="metrics.acc > 5").columns))
    call("search_runs format", lambda: lib.search_runs(output_format="x"))
    here = [lib.get_experiment_by_name("search").experiment_id]
    client = lib.MlflowClient()
    order = ["attribute.run_name"]
    page = client.search_runs(here, max_results=3, order_by=order)
    call("client page", lambda: [[run.info.run_name for run in page], bool(page.token)])
    rest = client.search_runs(here, max_results=3, order_by=order, page_token=page.token)
    call("client next page", lambda: [[run.info.run_name for run in rest], bool(rest.token)])
    call("client bad token", lambda: client.search_runs(here, page_token="zzz"))
    call("client too many", lambda: client.search_runs(here, max_results=60_000))
    for options in EXPERIMENTS:
        call(f"search_experiments {options}", lambda: [each.name for each in lib.search_experiments(**options)])


def _columns(table: Any) -> dict[str, Any]:
    return {name: kind for name, kind in table.dtypes.items() if not name.startswith(("tags.mlflow", "tags.siglum"))}
