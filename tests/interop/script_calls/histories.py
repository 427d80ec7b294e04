# ruff: noqa: B023  -- each function is called at once
"""What runs log: parameters, metrics, tags, batches and files, with right and wrong arguments."""

import decimal
import io
from pathlib import Path
from typing import Any

import numpy
from tests.interop.script_calls.recorder import Recorder

METRICS: list[tuple[Any, Any, dict[str, Any]]] = [
    ("m", 1, {}), ("m", 2.5, {"step": 1}), ("m", float("nan"), {"step": 2}), ("neg", 1, {"step": -5}),
    ("t", 1, {"timestamp": -1}), ("t", 1, {"timestamp": "5"}), ("t", 2, {"timestamp": 5}), ("s", 1, {"step": 2.0}),
    ("s", 1, {"step": "x"}), ("s", 1, {"step": True}), ("s", 1, {"step": numpy.int64(7)}), ("s", 1, {"step": 2**63}),
    ("v", "1", {}), ("v", "x", {}), ("v", None, {}), ("v", True, {}), ("v", numpy.float32(0.5), {}),
    ("v", numpy.array(0.5), {}), ("v", numpy.array([0.5]), {}), ("v", numpy.array([0.5, 1]), {}), ("v", [1], {}),
    ("v", decimal.Decimal("0.25"), {}), ("v", 1j, {}), ("v", 2**70, {}), ("", 1, {}), (None, 1, {}), (5, 1, {}),
    ("k" * 250, 1, {}), ("k" * 251, 1, {}), ("ü", 1, {}), ("a b/c", 1, {}), ("a;b", 1, {}), ("a//b", 1, {}),
    ("/a", 1, {}), ("dup", 1, {"step": 1, "timestamp": 1}), ("dup", 1, {"step": 1, "timestamp": 1}),
    ("dup", 2, {"step": 1, "timestamp": 1}), ("rid", 1, {"run_id": "0" * 32}),
]  # fmt: skip
PARAMS: list[tuple[Any, Any]] = [
    ("p", 1), ("p", 1), ("p", 2), ("p", "1"), ("f", 0.1), ("n", None), ("b", True), ("l", [1, 2]), ("", 1), (None, 1),
    ("k" * 250, 1), ("k" * 251, 1), ("long", "x" * 6000), ("ü", "ü"), ("a b/c.d-e:f", 1), ("a;b", 1), ("a//b", 1),
    ("../a", 1), ("/a", 1), (".", 1), ("e", ""), ("nl", "a\nb"), (5, 1), ("nan", float("nan")), ("bytes", b"x"),
    ("a\tb", 1), ("c(d)", 1),
]  # fmt: skip
TAGS: list[tuple[Any, Any]] = [
    ("a", 1), ("a", None), ("", 1), (None, 1), ("k" * 251, 1), ("ü", "ü"), ("a;b", 1), (5, 6),
    ("mlflow.runName", "by tag"), ("mlflow.note.content", "n"),
]  # fmt: skip


def make(call: Recorder, lib: Any) -> None:
    """Make the calls, in a run of their own."""
    client = lib.MlflowClient()
    run_id = lib.start_run(run_name="logged").info.run_id
    for number, (key, value) in enumerate(PARAMS):
        call(f"log_param {number} {str(key)[:9]!r} {str(value)[:9]!r}", lambda: lib.log_param(key, value))
    call("log_params none", lambda: lib.log_params(None))
    call("log_params empty", lambda: lib.log_params({}))
    call("log_params 150", lambda: lib.log_params({f"q{number}": number for number in range(150)}))
    call("log_params conflict", lambda: lib.log_params({"new": 1, "p": 9}))
    for number, (key, metric, options) in enumerate(METRICS):
        at = {"timestamp": 1000 + number, **options}  # the same point at the same time is one
        call(
            f"log_metric {number} {str(key)[:9]!r} {str(metric)[:9]} {sorted(options)}",
            lambda: lib.log_metric(key, metric, synchronous=True, **at) and None,
        )
    call("log_metrics", lambda: lib.log_metrics({"a": 1, "b": numpy.float64(2)}, step=3))
    call("log_metrics bad", lambda: lib.log_metrics({"g1": 1, "g2": "x"}))
    call("log_metrics 1500", lambda: lib.log_metrics({f"z{number}": number for number in range(1500)}))
    for number, (key, value) in enumerate(TAGS):
        call(f"set_tag {number} {str(key)[:16]!r}", lambda: lib.set_tag(key, value))
    call("set_tags", lambda: lib.set_tags({"x": 1, "y": 2.5}))
    for name in ("x", "x", None):
        call(f"delete_tag {len(call.results)}", lambda: lib.delete_tag(name))
    call("run", lambda: client.get_run(run_id))
    for key in ("m", "dup", "v", "none"):
        call(
            f"get_metric_history {key}",
            lambda: sorted([str(each.value), each.step] for each in client.get_metric_history(run_id, key)),
        )
    _batches(call, lib, client)
    _files(call, lib, client, run_id)


def _batches(call: Recorder, lib: Any, client: Any) -> None:
    run_id = client.create_run("0", run_name="batch").info.run_id
    metric, param, tag = lib.entities.Metric, lib.entities.Param, lib.entities.RunTag
    call("log_batch", lambda: client.log_batch(run_id, [metric("a", 1, 1, 1)], [param("a", "1")], [tag("a", "1")]))
    call("log_batch dup", lambda: client.log_batch(run_id, params=[param("d", "1"), param("d", "2")]))
    call("log_batch int", lambda: client.log_batch(run_id, params=[param("i", 5)]))
    call("log_batch 1001", lambda: client.log_batch(run_id, [metric(f"b{n}", 1, 1, 1) for n in range(1001)]))
    call("log_batch 101 params", lambda: client.log_batch(run_id, params=[param(f"b{n}", "1") for n in range(101)]))
    call("log_batch unknown", lambda: client.log_batch("0" * 32, params=[param("a", "1")]))
    call("log_batch empty", lambda: client.log_batch(run_id))
    call("log_batch run", lambda: client.get_run(run_id))
    call("iterate", lambda: sorted(name for name, _ in client.get_run(run_id).info))
    call("to_dictionary", lambda: sorted(client.get_run(run_id).to_dictionary()["info"]))
    call("equal", lambda: [metric("a", 1, 1, 1) == metric("a", 1, 1, 1), len({param("a", "b"), param("a", "b")})])
    call("FileInfo", lambda: lib.entities.FileInfo("a", False, 1).path)
    call("LoggedModelOutput", lambda: lib.entities.LoggedModelOutput("m", 2).step)
    call("LoggedModelStatus", lambda: [each.value for each in lib.entities.LoggedModelStatus])


def _files(call: Recorder, lib: Any, client: Any, run_id: str) -> None:
    folder = Path("folder")
    (folder / "sub").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "b.txt").write_text("b")
    for path, place in (("folder/a.txt", None), ("folder/a.txt", "x/y"), ("folder", None), ("none", None),
                        (folder / "a.txt", "p"), ("folder/a.txt", "../x"), ("folder/a.txt", "")):  # fmt: skip
        call(f"log_artifact {path} {place}", lambda: lib.log_artifact(path, place))
    call("log_artifacts", lambda: lib.log_artifacts("folder", "deep"))
    call("log_text", lambda: lib.log_text("tüxt", "t.txt"))
    call("log_text up", lambda: lib.log_text("a", "../t"))
    call("log_stream", lambda: lib.log_stream(io.BytesIO(b"x"), "s.bin"))
    for name in ("d.json", "d.yaml", "d.txt", "plain"):
        call(f"log_dict {name}", lambda: lib.log_dict({"a": [1, None], "b": float("nan")}, name))
        call(f"load_text {name}", lambda: lib.artifacts.load_text(f"runs:/{run_id}/{name}"))
    call("load_dict", lambda: lib.artifacts.load_dict(f"runs:/{run_id}/d.json"))
    call("load_text none", lambda: lib.artifacts.load_text(f"runs:/{run_id}/zzz"))
    for place in (None, "x", "deep", "deep/sub", "none", "t.txt"):
        call(f"list_artifacts {place}", lambda: _listed(client.list_artifacts(run_id, place)))
    download = lib.artifacts.download_artifacts
    call("download_artifacts", lambda: sorted(p.name for p in Path(download(f"runs:/{run_id}/deep")).iterdir()))
    for _ in range(2):
        call(
            f"download_artifacts to {len(call.results)}",
            lambda: Path(download(f"runs:/{run_id}/deep/sub/b.txt", dst_path="to")).relative_to(Path.cwd()).parts,
        )
    call("download_artifacts without", download)
    call("download_artifacts both", lambda: download(artifact_uri=f"runs:/{run_id}/a", run_id=run_id))
    call("download_artifacts none", lambda: download(run_id=run_id, artifact_path="zzz"))
    call("log_table", lambda: lib.log_table({"a": [1, 2], "b": ["x", None]}, "tab.json"))
    call("log_table more", lambda: lib.log_table({"a": [3], "b": ["z"]}, "tab.json"))
    call("load_table", lambda: lib.load_table("tab.json", run_ids=[run_id]).to_dict("list"))
    call("log_figure of nothing", lambda: lib.log_figure("x", "f.png"))
    pixels = numpy.zeros((4, 4, 3), dtype=numpy.uint8)
    for options in ({"artifact_file": "i.png"}, {"key": "k", "step": 1}, {"artifact_file": "a.png", "key": "k"}, {},
                    {"key": "a#b"}):  # fmt: skip
        call(f"log_image {options}", lambda: lib.log_image(pixels, **options) and None)


def _listed(entries: Any) -> list[Any]:
    shown = [each for each in entries if each.path != "siglum"]
    return [[each.path, each.is_dir, None if each.is_dir else each.file_size] for each in shown]
