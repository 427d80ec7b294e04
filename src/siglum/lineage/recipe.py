"""The recipe: what a model was made from, as one value with one digest.

    M = f(C, D, P): code, data, parameters (with environment, command and seeds).

Its canonical JSON (sorted keys, UTF-8, no blanks) is what tags and `siglum/recipe.json` hold; the digest is taken
of exactly these bytes, so that anybody can check it with a SHA-256 alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from siglum.core.errors import FileFormatError
from siglum.core.hashes import canonical_json, sha256_hex

MAX_TAG_CHARACTERS = 5000
"""A recipe of more characters than this is not put into a run's tag (it is in `siglum/recipe.json` all the same)."""


class RecipeCode(msgspec.Struct, frozen=True):
    """The state of the code: a commit, and the SHA-256 of the uncommitted diff (None when there was none)."""

    commit: str | None = None
    diff: str | None = None


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """All that goes into a model. `data` is sorted (path or URI, content hash); `env` an environment's digest.

    `command` is the command that was run, with paths relative to the project; `seeds` name generator and seed.
    """

    code: RecipeCode = RecipeCode()
    data: tuple[tuple[str, str], ...] = ()
    params: dict[str, str] = {}
    env: str | None = None
    command: tuple[str, ...] = ()
    seeds: dict[str, int | str] = {}

    def to_json(self) -> bytes:
        """Return the canonical JSON."""
        return canonical_json(msgspec.to_builtins(self))

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the canonical JSON."""
        return "sha256:" + sha256_hex(self.to_json())


def make_recipe(
    *,
    code: RecipeCode,
    data: Iterable[tuple[str, str]],
    params: Mapping[str, str],
    env: str | None,
    command: Sequence[str],
    seeds: Mapping[str, int | str],
) -> Recipe:
    """Return the recipe of these parts, whatever order they come in; data named twice counts once."""
    return Recipe(
        code=code,
        data=tuple(sorted(set(data))),
        params=dict(params),
        env=env,
        command=tuple(command),
        seeds=dict(seeds),
    )


def parse_recipe(text: str | bytes, where: str) -> Recipe:
    """Read a recipe's JSON. Raises FileFormatError that names `where` for anything else."""
    try:
        return msgspec.json.decode(text, type=Recipe)
    except msgspec.MsgspecError as error:
        raise FileFormatError(where, f"not a recipe: {error}.") from error
