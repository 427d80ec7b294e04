"""The URI of a PostgreSQL database, as SQLAlchemy and so MLflow's users write it, and as libpq reads it.

postgresql://user:password@host:5432/name?sslmode=require
postgresql+psycopg2://…                                    the driver's name is passed over
postgresql:///name?host=/var/run/postgresql                a socket
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from siglum.core.errors import InvalidInputError

POSTGRESQL_SCHEMES: Final = ("postgresql", "postgres")
_URI: Final = re.compile(
    r"(?P<scheme>[a-z]+)(?:\+[a-z0-9_]+)?://"
    r"(?:(?P<user>[^:/?#@]*)(?::(?P<password>[^/?#]*))?@)?(?P<hosts>[^/?#@]*)(?:/(?P<name>[^/?#]*))?(?:\?(?P<query>[^#]*))?\Z",
    re.IGNORECASE,
)
_SECRET: Final = re.compile(r"(?i)\b((?:ssl)?password)=[^&]*")
_HINT: Final = "Write postgresql://user:password@host:5432/name; a sign such as @ or / in the password as %40 or %2F."


class PostgresUri(msgspec.Struct, frozen=True):
    """What to connect to. `connection` is for libpq and holds the password; `shown` is for people and does not."""

    connection: str
    shown: str
    user: str
    host: str
    name: str


def is_postgres_uri(uri: str) -> bool:
    """Whether the scheme is that of PostgreSQL, with or without a driver's name."""
    return uri.partition("://")[0].partition("+")[0].lower() in POSTGRESQL_SCHEMES


def parse_postgres_uri(uri: str) -> PostgresUri:
    """Read a URI. Raises InvalidInputError, which does not repeat it: it may hold a password."""
    match = _URI.match(uri)
    if match is None or not is_postgres_uri(uri) or re.search(r"%(?![0-9A-Fa-f]{2})|[\s\0]|%00", uri):
        raise InvalidInputError("The PostgreSQL URI is not one.", hint=_HINT)
    user, password, hosts, name = (match[each] or "" for each in ("user", "password", "hosts", "name"))
    # libpq wants a sign such as @ or : of a password escaped, SQLAlchemy does not
    login = quote(unquote(user), safe="") + (f":{quote(unquote(password), safe='')}" if password else "")
    login += "@" if login else ""
    query = f"?{match['query']}" if match["query"] else ""
    shown_query = _SECRET.sub(r"\1=…", query)
    return PostgresUri(
        connection=f"postgresql://{login}{hosts}/{name}{query}",
        shown=f"postgresql://{user}{'@' if user else ''}{hosts}/{name}{shown_query}",
        user=unquote(user),
        host=hosts,
        name=unquote(name),
    )
