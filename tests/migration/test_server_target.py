"""`siglum migrate` into a running server: the same records as into its database, however often, and nothing it owns."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.cli.quick import QuickProject
from tests.migration.stores import bring, migrate, state_of, unpack
from tests.migration.test_export import export, fill

from siglum.client.rest import imports
from siglum.client.rest.imports import RestImports
from siglum.client.stores import open_stores
from siglum.core.errors import InvalidInputError, NotSupportedError, UnavailableError
from siglum.migration import server_sink
from siglum.migration.export_reader import ExportReader
from siglum.migration.sources import open_mlflow
from siglum.migration.target import try_out
from siglum.testing.server import ServerProcess

SOURCE = "sqlite:///mlflow.db"
DIRECT = "sqlite:///direct/siglum.db"
SERVED = "sqlite:///served/siglum.db"
OWN = ("audit", "webhooks", "deleted in")
"""What a server writes itself: its audit log, its webhooks, and when a run of unknown deletion was."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack("server.tar.gz", tmp_path)


@pytest.fixture
def server(folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(folder / "served") as running:
        yield running


def records(uri: str, folder: Path) -> dict[str, Any]:
    return {key: value for key, value in state_of(uri, folder).items() if not key.startswith(OWN)}


@pytest.mark.slow
def test_a_server_holds_what_its_database_would(
    folder: Path, server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(SOURCE, DIRECT, folder)
    expected = records(DIRECT, folder)
    monkeypatch.setattr("siglum.migration.mlflow_points.PORTION", 300)  # runs of several portions
    monkeypatch.setattr(imports, "MAX_BODY", 4_000)
    monkeypatch.setattr(server_sink, "_BATCH_WEIGHT", 130)
    with closing(open_mlflow(SOURCE, str(folder), None)) as reader:
        planned = try_out(reader, server.url, str(folder), None, files=True, progress=lambda _: None)
    fresh = state_of(SERVED, folder)
    assert not any(key.startswith("run ") for key in fresh), "a dry run writes nothing"
    # ended in the middle, and done again
    add_runs, calls = RestImports.add_runs, []

    def fail_later(self: RestImports, new: Any) -> int:
        calls.append(new)
        if len(calls) == 3:
            raise UnavailableError("gone")
        return add_runs(self, new)

    with monkeypatch.context() as patch:
        patch.setattr(RestImports, "add_runs", fail_later)
        with pytest.raises(UnavailableError):
            migrate(SOURCE, server.url, folder)
    migrate(SOURCE, server.url, folder)
    assert records(SERVED, folder) == expected
    assert "migrated from" in state_of(SERVED, folder)["audit"]
    held = state_of(SERVED, folder)
    again = migrate(SOURCE, server.url, folder)
    assert state_of(SERVED, folder) == held
    assert again.added == type(again.added)()
    assert planned.found == again.found
    assert (planned.added.runs, planned.added.points, planned.added.versions) == (6, 1364, 2)


@pytest.mark.slow
def test_what_siglum_exported_comes_into_a_server(folder: Path, server: ServerProcess) -> None:
    migrate(SOURCE, "sqlite:///own/siglum.db", folder)
    with closing(open_stores("sqlite:///own/siglum.db", str(folder))) as stores:
        fill(stores, folder)
    with closing(ExportReader(str(export(folder)))) as reader:
        bring(reader, DIRECT, folder)
    ended = QuickProject(folder).run("migrate", "siglum", "out", "--tracking-uri", server.url)
    assert ended.status == 0, ended.err
    assert "The audit log and webhooks stay behind" in ended.out
    served, direct = records(SERVED, folder), records(DIRECT, folder)
    counters = direct.pop("counters")
    assert "doomed" in counters  # of a name that is gone, which only the audit log tells
    assert served.pop("counters") == counters.replace("('doomed', 2), ", "")
    assert served == direct
    assert (folder / "served/artifacts/of/no run.txt").read_text() == "own\n"
    assert "hush" not in state_of(SERVED, folder)["webhooks"]


class _OtherServer(http.server.BaseHTTPRequestHandler):
    """Knows no route, as MLflow's server knows none of Siglum's."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_server_of_mlflow_is_no_target(folder: Path) -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), _OtherServer) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            with pytest.raises(NotSupportedError):
                migrate(SOURCE, f"http://127.0.0.1:{other.server_port}", folder)
        finally:
            other.shutdown()
            thread.join()


@pytest.mark.slow
def test_what_names_a_folder_of_a_machine_is_refused(folder: Path, server: ServerProcess) -> None:
    with closing(open_stores(server.url)) as stores, closing(open_stores(DIRECT, str(folder))) as other:
        experiment = other.tracking.get_experiment(other.tracking.create_experiment("x", "file:///etc"))
        rest = RestImports(stores.tracking.session)  # type: ignore[attr-defined]
        for location in ("file:///etc", "/etc", "mlflow-artifacts:/../x", "http://host/x", "s3://b/../c"):
            with pytest.raises(InvalidInputError, match="neither this server's nor in an object store"):
                rest.add_experiment(experiment, location)
        assert rest.add_experiment(experiment, None) == ("1", True)
    with (
        pytest.raises(InvalidInputError, match="Leave out --to-artifacts"),
        closing(open_mlflow(SOURCE, str(folder), None)) as reader,
    ):
        try_out(reader, server.url, str(folder), "elsewhere", files=True, progress=lambda _: None)
