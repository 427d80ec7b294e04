"""Registered models and versions read from the database, and the errors for those that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from siglum.core.errors import NotFoundError
from siglum.core.names import parse_version
from siglum.core.text import did_you_mean
from siglum.registry.entities import ModelVersion, RegisteredModel, Stage
from siglum.tracking.sql.pages import grouped
from siglum.tracking.sql.port import Row, Sql, marks

MODEL_COLUMNS: Final = "m.model_key, m.name, m.creation_timestamp, m.last_updated_timestamp, m.description"
VERSION_COLUMNS: Final = (
    "v.model_key, v.version, m.name, v.creation_timestamp, v.last_updated_timestamp, v.user_id, v.current_stage, "
    "v.description, v.source, v.run_id, v.run_link, v.status, v.status_message, v.model_id"
)
VERSIONS: Final = "model_versions v JOIN registered_models m ON m.model_key = v.model_key"
_CHUNK: Final = 10_000
_NAMED: Final = 5


def require_model(sql: Sql, name: str) -> int:
    """Return the key of a registered model. Raises NotFoundError that says which names are near."""
    row = sql.one("SELECT model_key FROM registered_models WHERE name = ?", (name,))
    if row is None:
        names = [known for (known,) in sql.all("SELECT name FROM registered_models ORDER BY name")]
        raise NotFoundError(
            f"Registered Model with name={name} not found.", hint=did_you_mean(name, names) or _what_there_is(names)
        )
    return int(row[0])


def _what_there_is(names: list[str]) -> str:
    if not names:
        return "No models are registered yet."
    return f"There is: {', '.join(names[:_NAMED])}{', …' if len(names) > _NAMED else ''}."


def require_version(sql: Sql, name: str, version: str) -> tuple[int, int]:
    """Return model key and number of a version. Raises NotFoundError that says which versions there are."""
    number = _asked_for(version)
    key = require_model(sql, name)
    if sql.one("SELECT 1 FROM model_versions WHERE model_key = ? AND version = ?", (key, number)) is None:
        raise NotFoundError(f"Model Version (name={name}, version={version}) not found.", hint=_there_are(sql, key))
    return key, number


def _asked_for(version: str) -> int:
    """Return a number that a version may have or not: -1, as in MLflow, is one that none has, and not malformed."""
    return -parse_version(version[1:]) if version.startswith("-") else parse_version(version)


def _there_are(sql: Sql, key: int) -> str:
    rows = sql.all("SELECT version FROM model_versions WHERE model_key = ? ORDER BY version DESC LIMIT 11", (key,))
    if not rows:
        return "The model has no versions."
    shown = [str(version) for (version,) in reversed(rows[:10])]
    return (
        f"There are versions {'…, ' if len(rows) > 10 else ''}{', '.join(shown)}."
        if len(rows) > 1
        else (f"There is version {shown[0]} only.")
    )


def require_alias(sql: Sql, name: str, alias: str) -> tuple[int, int]:
    """Return model key and the version that an alias points at. Raises NotFoundError naming near aliases."""
    key = require_model(sql, name)
    if alias.lower() == "latest":
        row = sql.one("SELECT max(version) FROM model_versions WHERE model_key = ?", (key,))
        if row is None or row[0] is None:
            raise NotFoundError(f"Registered Model {name!r} has no versions, so there is no latest one.")
        return key, int(row[0])
    row = sql.one("SELECT version FROM registered_model_aliases WHERE model_key = ? AND alias = ?", (key, alias))
    if row is None:
        known = [a for (a,) in sql.all("SELECT alias FROM registered_model_aliases WHERE model_key = ?", (key,))]
        hint = did_you_mean(alias, known) or (f"It has: {', '.join(sorted(known))}." if known else None)
        raise NotFoundError(f"Registered model alias {alias} not found: {name!r} has no such alias.", hint=hint)
    return key, int(row[0])


def get_version(sql: Sql, key: int, number: int) -> ModelVersion:
    """Return a version that is known to be there."""
    rows = sql.all(
        f"SELECT {VERSION_COLUMNS} FROM {VERSIONS} WHERE v.model_key = ? AND v.version = ?",  # noqa: S608
        (key, number),
    )
    return load_versions(sql, rows)[0]


def get_model(sql: Sql, key: int) -> RegisteredModel:
    """Return a registered model that is known to be there."""
    return load_models(
        sql,
        sql.all(f"SELECT {MODEL_COLUMNS} FROM registered_models m WHERE m.model_key = ?", (key,)),  # noqa: S608
    )[0]


def load_versions(sql: Sql, rows: Sequence[Row]) -> list[ModelVersion]:
    """Return versions for rows of VERSION_COLUMNS, in a number of statements that does not grow with them."""
    tags: dict[tuple[int, int], dict[str, str]] = {}
    aliases: dict[tuple[int, int], list[str]] = {}
    for keys in _chunks({row[0] for row in rows}):
        where = f"model_key IN ({marks(len(keys))})"
        for key, version, tag, value in sql.all(
            f"SELECT model_key, version, key, value FROM model_version_tags WHERE {where} ORDER BY key",  # noqa: S608
            keys,
        ):
            tags.setdefault((key, version), {})[tag] = value
        for key, version, alias in sql.all(
            f"SELECT model_key, version, alias FROM registered_model_aliases WHERE {where} ORDER BY alias",  # noqa: S608
            keys,
        ):
            aliases.setdefault((key, version), []).append(alias)
    return [_version(row, tags.get(row[:2], {}), aliases.get(row[:2], [])) for row in rows]


def _chunks(keys: Iterable[int]) -> Iterable[list[int]]:
    ordered = sorted(keys)
    return (ordered[start : start + _CHUNK] for start in range(0, len(ordered), _CHUNK))


def _version(row: Row, tags: dict[str, str], aliases: list[str]) -> ModelVersion:
    _, number, name, created, updated, user, stage, description, source, run_id, link, status, message, model_id = row
    return ModelVersion(
        name=name,
        version=str(number),
        creation_timestamp=created,
        last_updated_timestamp=updated,
        user_id=user,
        current_stage=Stage(stage),
        description=description,
        source=source,
        run_id=run_id,
        run_link=link,
        status=status,
        status_message=message,
        tags=tags,
        aliases=tuple(aliases),
        model_id=model_id,
    )


def latest_versions(sql: Sql, keys: Sequence[int]) -> dict[int, list[ModelVersion]]:
    """Return the highest version of each stage, by model."""
    rows = sql.all(
        f"""SELECT {VERSION_COLUMNS} FROM {VERSIONS} JOIN (
                SELECT model_key, max(version) AS version FROM model_versions
                WHERE model_key IN ({marks(len(keys))}) GROUP BY model_key, current_stage
            ) latest ON latest.model_key = v.model_key AND latest.version = v.version
            ORDER BY v.model_key, v.version""",  # noqa: S608
        keys,
    )
    found: dict[int, list[ModelVersion]] = {}
    for row, version in zip(rows, load_versions(sql, rows), strict=True):
        found.setdefault(row[0], []).append(version)
    return found


def load_models(sql: Sql, rows: Sequence[Row]) -> list[RegisteredModel]:
    """Return registered models for rows of MODEL_COLUMNS, in a number of statements that does not grow with them."""
    keys = [row[0] for row in rows]
    where = f"model_key IN ({marks(len(keys))})"
    tags = grouped(
        sql.all(f"SELECT model_key, key, value FROM registered_model_tags WHERE {where} ORDER BY key", keys),  # noqa: S608
        _pair,
    )
    aliases = grouped(
        sql.all(
            f"SELECT model_key, alias, version FROM registered_model_aliases WHERE {where} ORDER BY alias",  # noqa: S608
            keys,
        ),
        lambda alias, version: (alias, str(version)),
    )
    latest = latest_versions(sql, keys)
    return [
        RegisteredModel(
            name=name,
            creation_timestamp=created,
            last_updated_timestamp=updated,
            description=description,
            latest_versions=tuple(latest.get(key, ())),
            tags=dict(tags.get(key, ())),
            aliases=dict(aliases.get(key, ())),
        )
        for key, name, created, updated, description in rows
    ]


def _pair(key: Any, value: Any) -> tuple[Any, Any]:
    return key, value
