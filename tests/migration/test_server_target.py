"""`siglum migrate` into a running server: the same records as into its database, however often, and nothing it owns."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
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
from siglum.migration.siglum_sink import database_of
from siglum.migration.sources import open_mlflow
from siglum.migration.target import try_out
from siglum.registry.entities import AuditEvent, Change
from siglum.registry.sql import audit
from siglum.registry.sql.webhooks import SqlWebhookStore
from siglum.registry.webhook_secrets import SecretBox
from siglum.registry.webhooks import MODEL_CREATED, WebhookChange
from siglum.testing.server import ServerProcess
from siglum.tracking.sql.port import Sql

SOURCE = "sqlite:///mlflow.db"
DIRECT = "sqlite:///direct/siglum.db"
SERVED = "sqlite:///served/siglum.db"
OWN = ("audit", "webhooks", "deleted in")
"""What a server writes itself: its audit log, secrets of webhooks, and when a run of unknown deletion was."""


def read_log(sql: Sql) -> tuple[AuditEvent, ...]:
    return audit.read(sql, name=None, max_results=1_000, before=None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack("server.tar.gz", tmp_path)


@pytest.fixture
def server(folder: Path) -> Iterator[ServerProcess]:
    with ServerProcess(folder / "served", "--webhook-hosts", "127.0.0.1") as running:
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
    project = QuickProject(folder)
    ended = project.run("migrate", "siglum", "out", "--tracking-uri", server.url)
    assert ended.status == 0, ended.err
    assert "A webhook stays behind: ci: its secret is encrypted" in ended.out
    assert records(SERVED, folder) == records(DIRECT, folder)
    assert (folder / "served/artifacts/of/no run.txt").read_text() == "own\n"
    # now with the key
    ended = project.run("migrate", "siglum", "out", "--to", server.url, "--webhook-key", "webhook-key")
    assert "With them came 0 entries of the audit log and 1 webhook." in ended.out
    ended = project.run("migrate", "siglum", "out", "--to", server.url, "--webhook-key", "webhook-key")
    assert "webhook" not in ended.out
    with closing(open_stores(DIRECT, str(folder))) as direct, closing(open_stores(SERVED, str(folder))) as served:
        their_log, log = database_of(direct).read(read_log), database_of(served).read(read_log)
        assert served.registry.verify_audit_log() == len(log)  # type: ignore[attr-defined]
        theirs = SqlWebhookStore(database_of(direct), SecretBox(str(folder / "webhook-key"), {}))
        ours = SqlWebhookStore(database_of(served), SecretBox(str(folder / "served/siglum.db.webhook-key"), {}))
        assert ours.list_webhooks() == theirs.list_webhooks()
        assert ours.webhook_receivers(MODEL_CREATED) == theirs.webhook_receivers(MODEL_CREATED)
    foreign = [event for event in log if event.action == "import_audit_entry"]
    assert [msgspec.convert(event.after, AuditEvent) for event in foreign] == [*their_log]
    assert {event.reason for event in foreign} == {f"migrated from {folder}/out"}


@pytest.mark.slow
def test_a_history_that_was_changed_and_a_webhook_to_within_are_refused(folder: Path, server: ServerProcess) -> None:
    with closing(open_stores("sqlite:///own/siglum.db", str(folder))) as stores:
        stores.registry.create_registered_model("m", change=Change("ann"))
        stores.registry.create_model_version("m", "s3://bucket/x", change=Change("ann"))
        hooks = SqlWebhookStore(database_of(stores), SecretBox(str(folder / "webhook-key"), {}))
        hooks.create_webhook(WebhookChange(name="in", url="https://127.0.0.2:1/hook", events=(MODEL_CREATED,)))
    out = export(folder, "sqlite:///own/siglum.db")
    with closing(ExportReader(str(out))) as reader:
        assert [text[:4] for text in bring(reader, server.url, folder).webhooks_left] == ["in: "]
    path = out / "registry.json"
    path.write_text(path.read_text().replace('"ann"', '"bob"', 1))
    with (
        closing(ExportReader(str(out))) as reader,
        pytest.raises(InvalidInputError, match="entry 1 does not match its hash"),
    ):
        bring(reader, server.url, folder)


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
