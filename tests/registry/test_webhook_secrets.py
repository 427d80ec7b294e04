"""The secrets of webhooks: never in the database in the clear, and only with their key again."""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from siglum.core.errors import ConflictError, InvalidInputError, NotSupportedError, PermissionDeniedError
from siglum.registry.sql.webhooks import SqlWebhookStore
from siglum.registry.webhook_secrets import SecretBox
from siglum.registry.webhooks import MODEL_CREATED, Receiver, WebhookChange
from siglum.tracking.sql.database import Database, open_database

HOOK = WebhookChange(name="ci", url="https://ci.example.com/hook", events=(MODEL_CREATED,), secret="hush")
MLFLOWS = "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database(f"sqlite:///{tmp_path}/siglum.db")
    yield found
    found.close()


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "siglum.db.webhook-key"


@pytest.fixture
def webhooks(database: Database, key_file: Path) -> SqlWebhookStore:
    return SqlWebhookStore(database, SecretBox(str(key_file), {}))


def kept(database: Database) -> list[str | None]:
    return [row[0] for row in database.read(lambda sql: sql.all("SELECT secret FROM webhooks ORDER BY name"))]


def receiver(secret: str | None) -> Receiver:
    return Receiver("https://ci.example.com/hook", secret)


def test_a_secret_is_encrypted_and_comes_back(
    webhooks: SqlWebhookStore, database: Database, key_file: Path, tmp_path: Path
) -> None:
    made = webhooks.create_webhook(HOOK)
    assert webhooks.webhook_receivers(MODEL_CREATED) == [receiver("hush")]
    webhooks.update_webhook(made.webhook_id, WebhookChange(secret="hush, again"))
    again = SqlWebhookStore(database, SecretBox(str(key_file), {}))
    assert again.webhook_receiver(made.webhook_id) == receiver("hush, again")
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    database.close()
    for file in tmp_path.iterdir():
        assert b"hush" not in file.read_bytes(), file
    assert {file.name for file in tmp_path.iterdir()} >= {"siglum.db", "siglum.db.webhook-key"}


def test_without_a_secret_there_is_no_key(webhooks: SqlWebhookStore, key_file: Path) -> None:
    webhooks.create_webhook(WebhookChange(name="ci", url=HOOK.url, events=HOOK.events))
    assert webhooks.seal_secrets() == 0
    assert webhooks.webhook_receivers(MODEL_CREATED) == [receiver(None)]
    assert not key_file.exists()


def test_secrets_of_earlier_versions_are_encrypted(webhooks: SqlWebhookStore, database: Database) -> None:
    for name in ("a", "b", "c"):
        webhooks.create_webhook(WebhookChange(name=name, url=HOOK.url, events=HOOK.events))
    database.write(lambda sql: sql.run("UPDATE webhooks SET secret = 'old ' || name WHERE name <> 'c'"))
    assert webhooks.webhook_receivers(MODEL_CREATED)[0].secret == "old a"
    assert webhooks.seal_secrets() == 2
    assert webhooks.seal_secrets() == 0
    assert sorted(each.secret or "" for each in webhooks.webhook_receivers(MODEL_CREATED)) == ["", "old a", "old b"]
    assert not any("old" in secret for secret in kept(database) if secret)


def test_another_key_sends_nothing(
    webhooks: SqlWebhookStore, database: Database, key_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = webhooks.create_webhook(HOOK)
    webhooks.create_webhook(WebhookChange(name="open", url=HOOK.url, events=HOOK.events))
    other = SqlWebhookStore(database, SecretBox(str(key_file), {MLFLOWS: Fernet.generate_key().decode()}))
    with pytest.raises(ConflictError, match="another key"):
        other.webhook_receiver(made.webhook_id)
    assert other.webhook_receivers(MODEL_CREATED) == [receiver(None)]
    assert "another key" in caplog.text
    key_file.unlink()
    with pytest.raises(ConflictError, match="is not there"):
        webhooks.webhook_receiver(made.webhook_id)
    assert not key_file.exists()


def test_keys_in_the_environment_are_replaced_one_by_one(database: Database, key_file: Path) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    made = SqlWebhookStore(database, SecretBox(str(key_file), {MLFLOWS: old})).create_webhook(HOOK)
    both = SqlWebhookStore(database, SecretBox(str(key_file), {MLFLOWS: f"{new}, {old}"}))
    assert both.webhook_receiver(made.webhook_id) == receiver("hush")
    both.update_webhook(made.webhook_id, WebhookChange(secret="new"))
    only = SqlWebhookStore(database, SecretBox(str(key_file), {"SIGLUM_WEBHOOK_SECRET_ENCRYPTION_KEY": new}))
    assert only.webhook_receiver(made.webhook_id) == receiver("new")
    assert not key_file.exists()


def test_what_is_no_key(key_file: Path) -> None:
    with pytest.raises(InvalidInputError, match=MLFLOWS) as caught:
        SecretBox(str(key_file), {MLFLOWS: "too-short"}).check()
    assert "too-short" not in str(caught.value) + repr(caught.value.__cause__)
    key_file.write_text(Fernet.generate_key().decode())
    key_file.chmod(0o644)
    with pytest.raises(PermissionDeniedError, match="chmod 600"):
        SecretBox(str(key_file), {}).seal("x")
    key_file.unlink()
    key_file.symlink_to(key_file.parent / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        SecretBox(str(key_file), {}).seal("x")


def test_servers_that_start_at_once_have_one_key(key_file: Path) -> None:
    boxes = [SecretBox(str(key_file), {}) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda box: box.seal("hush"), boxes))
    assert {SecretBox(str(key_file), {}).open(each) for each in sealed} == {"hush"}
    assert os.listdir(key_file.parent) == [key_file.name]


def test_without_the_package(webhooks: SqlWebhookStore, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NotSupportedError, match=r"siglum\[webhooks\]"):
        webhooks.create_webhook(HOOK)
    assert kept(database) == []
