"""Which fields and operators a search knows: one `Grammar` for each kind of thing that can be searched for."""

from __future__ import annotations

from typing import Final

import msgspec

from siglum.tracking.search.tree import FieldKind, Operator

_O = Operator
EQUALITY: Final = frozenset({_O.EQ, _O.NE})
ORDERING: Final = EQUALITY | {_O.LT, _O.LE, _O.GT, _O.GE, _O.BETWEEN, _O.NOT_BETWEEN}
PATTERNS: Final = EQUALITY | {_O.LIKE, _O.ILIKE, _O.RLIKE, _O.NOT_LIKE, _O.NOT_ILIKE, _O.NOT_RLIKE}
MEMBERSHIP: Final = frozenset({_O.IN, _O.NOT_IN})
PRESENCE: Final = frozenset({_O.IS_NULL, _O.IS_NOT_NULL})


class Attribute(msgspec.Struct, frozen=True):
    """A field that every entity of the kind has. Numbers compare with numbers, quoted ones when `quoted` is set."""

    name: str
    operators: frozenset[Operator] = PATTERNS
    number: bool = False
    quoted: bool = False
    searchable: bool = True
    sortable: bool = True


class Grammar(msgspec.Struct, frozen=True):
    """What can be searched for. Keys of `prefixes` stand before the dot; `attributes` go by all names they have.

    `named` are the fields of kinds that have a few only. `parameters_are_numbers` lets parameters be compared with
    numbers, those that are none apart; `aggregates` lets a metric's whole history be asked.
    """

    subject: str
    prefixes: dict[str, FieldKind]
    attributes: dict[str, Attribute]
    operators: dict[FieldKind, frozenset[Operator]]
    named: dict[FieldKind, frozenset[str]] = {}
    parameters_are_numbers: bool = False
    aggregates: bool = False
    sortable: frozenset[FieldKind] = frozenset({FieldKind.ATTRIBUTE})


def _attributes(*attributes: Attribute, aliases: dict[str, str] | None = None) -> dict[str, Attribute]:
    by_name = {a.name: a for a in attributes}
    return by_name | {alias: by_name[name] for alias, name in (aliases or {}).items()}


def _number(name: str, *, searchable: bool = True, quoted: bool = False) -> Attribute:
    return Attribute(name, ORDERING, number=True, searchable=searchable, quoted=quoted)


_TEXT_OR_NULL: Final = PATTERNS | PRESENCE

RUNS: Final = Grammar(
    subject="runs",
    prefixes={
        **dict.fromkeys(("attribute", "attributes", "attr", "run"), FieldKind.ATTRIBUTE),
        **dict.fromkeys(("metric", "metrics"), FieldKind.METRIC),
        **dict.fromkeys(("param", "params", "parameter", "parameters"), FieldKind.PARAM),
        **dict.fromkeys(("tag", "tags"), FieldKind.TAG),
        **dict.fromkeys(("dataset", "datasets"), FieldKind.DATASET),
        "data": FieldKind.DATA,
        "code": FieldKind.CODE,
    },
    attributes=_attributes(
        Attribute("run_id", PATTERNS | MEMBERSHIP),
        *(Attribute(name) for name in ("run_name", "status", "user_id", "artifact_uri")),
        *(_number(name) for name in ("start_time", "end_time")),
        aliases={
            **dict.fromkeys(("run name", "Run name", "Run Name"), "run_name"),
            **dict.fromkeys(("created", "Created"), "start_time"),
        },
    ),
    operators={
        FieldKind.METRIC: ORDERING,
        FieldKind.PARAM: _TEXT_OR_NULL | MEMBERSHIP | ORDERING,
        FieldKind.TAG: _TEXT_OR_NULL,
        FieldKind.DATASET: PATTERNS | MEMBERSHIP,
        FieldKind.DATA: _TEXT_OR_NULL | MEMBERSHIP,
        FieldKind.CODE: _TEXT_OR_NULL | MEMBERSHIP,
    },
    named={
        FieldKind.DATASET: frozenset({"name", "digest", "context"}),
        FieldKind.DATA: frozenset({"path", "hash"}),
        FieldKind.CODE: frozenset({"commit", "branch"}),
    },
    parameters_are_numbers=True,
    aggregates=True,
    sortable=frozenset({FieldKind.ATTRIBUTE, FieldKind.METRIC, FieldKind.PARAM, FieldKind.TAG}),
)

EXPERIMENTS: Final = Grammar(
    subject="experiments",
    prefixes={"attribute": FieldKind.ATTRIBUTE, "tag": FieldKind.TAG, "tags": FieldKind.TAG},
    attributes=_attributes(
        Attribute("name"),
        Attribute("experiment_id", EQUALITY | MEMBERSHIP),
        _number("creation_time"),
        _number("last_update_time"),
    ),
    operators={FieldKind.TAG: _TEXT_OR_NULL},
)

LOGGED_MODELS: Final = Grammar(
    subject="logged models",
    prefixes={
        "attributes": FieldKind.ATTRIBUTE,
        "metrics": FieldKind.METRIC,
        "params": FieldKind.PARAM,
        "tags": FieldKind.TAG,
    },
    attributes=_attributes(
        *(
            Attribute(name, PATTERNS | MEMBERSHIP)
            for name in ("name", "model_id", "model_type", "source_run_id", "experiment_id")
        ),
        *(_number(name) for name in ("status", "creation_timestamp", "last_updated_timestamp")),
        aliases={"creation_time": "creation_timestamp", "last_updated_time": "last_updated_timestamp"},
    ),
    operators={
        FieldKind.METRIC: ORDERING,
        FieldKind.PARAM: PATTERNS | MEMBERSHIP | ORDERING,
        FieldKind.TAG: PATTERNS | MEMBERSHIP,
    },
    parameters_are_numbers=True,
    sortable=frozenset({FieldKind.ATTRIBUTE, FieldKind.METRIC}),
)

_REGISTRY_PREFIXES: Final = {
    "attribute": FieldKind.ATTRIBUTE,
    "attributes": FieldKind.ATTRIBUTE,
    "tag": FieldKind.TAG,
    "tags": FieldKind.TAG,
}

REGISTERED_MODELS: Final = Grammar(
    subject="registered models",
    prefixes=_REGISTRY_PREFIXES,
    attributes=_attributes(
        Attribute("name", PATTERNS | MEMBERSHIP),
        _number("last_updated_timestamp", searchable=False),
        _number("creation_timestamp", searchable=False),
        aliases={"timestamp": "last_updated_timestamp"},
    ),
    operators={FieldKind.TAG: _TEXT_OR_NULL},
)

MODEL_VERSIONS: Final = Grammar(
    subject="model versions",
    prefixes=_REGISTRY_PREFIXES,
    attributes=_attributes(
        Attribute("name", PATTERNS | MEMBERSHIP),
        Attribute("run_id", PATTERNS | MEMBERSHIP, sortable=False),
        Attribute("source_path", sortable=False),
        _number("version_number", quoted=True),
        _number("creation_timestamp", searchable=False),
        _number("last_updated_timestamp", searchable=False),
    ),
    operators={FieldKind.TAG: _TEXT_OR_NULL},
)
