"""Settings in four levels, DVC's own files: system, global, the repository's, and the local one that Git ignores."""

from __future__ import annotations

import contextlib
import enum
import os
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from siglum.core.errors import InvalidInputError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.workspace.config_schema import (
    NAMED_SECTIONS,
    PATH_OPTIONS,
    SECTIONS,
    TRUE_WORDS,
    check_named,
    check_option,
)
from siglum.workspace.documents import decoded, read_bytes, write_atomic
from siglum.workspace.ini import Ini, IniValue, format_ini, parse_ini
from siglum.workspace.locking import repository_lock


class Level(enum.StrEnum):
    """Where a setting is kept; later ones win."""

    SYSTEM = "system"
    GLOBAL = "global"
    REPO = "repo"
    LOCAL = "local"


def level_path(level: Level, dvc_dir: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Return the file of a level. Raises InvalidInputError for a level that needs a repository when there is none."""
    if level is Level.SYSTEM:
        return os.path.join(environ.get("DVC_SYSTEM_CONFIG_DIR") or "/etc/xdg/dvc", "config")
    if level is Level.GLOBAL:
        base = environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        return os.path.join(environ.get("DVC_GLOBAL_CONFIG_DIR") or os.path.join(base, "dvc"), "config")
    if dvc_dir is None:
        raise InvalidInputError(
            f"The {level} configuration belongs to a repository, and there is none here.",
            hint="Run 'siglum init', or use --global.",
        )
    return os.path.join(dvc_dir, "config" if level is Level.REPO else "config.local")


def split_section(section: str) -> tuple[str, str | None]:
    """Split `remote "name"` into `remote` and `name`; other sections have no name."""
    kind, _, rest = section.partition(" ")
    name = rest.strip()
    if kind in NAMED_SECTIONS and len(name) >= 2 and name[0] == name[-1] == '"':
        return kind, name[1:-1]
    return section, None


def named_section(kind: str, name: str) -> str:
    """Return the section of a remote or another thing that has a name."""
    return f'{kind} "{name}"'


class Config:
    """All levels merged. Paths are absolute here, whatever file they stand in."""

    def __init__(self, sections: Mapping[str, Mapping[str, IniValue]], origins: Mapping[tuple[str, str], str]) -> None:
        self._sections = sections
        self._origins = origins

    @classmethod
    def load(cls, dvc_dir: str | None, environ: Mapping[str, str] = os.environ) -> Config:
        """Read every level that is there. Raises FileFormatError or InvalidInputError naming the file."""
        merged, origins = cls._read(levels_upto(Level.LOCAL, dvc_dir), dvc_dir, environ)
        for section, options in merged.items():
            _check_section(section, options, origins)
        return cls(merged, origins)

    @classmethod
    def load_one(cls, level: Level, dvc_dir: str | None, environ: Mapping[str, str] = os.environ) -> Config:
        """Read one level alone. Only its syntax is checked: a remote may have its URL in another level."""
        return cls(*cls._read([level], dvc_dir, environ))

    @staticmethod
    def _read(
        levels: Iterable[Level], dvc_dir: str | None, environ: Mapping[str, str]
    ) -> tuple[Ini, dict[tuple[str, str], str]]:
        merged: Ini = {}
        origins: dict[tuple[str, str], str] = {}
        for level in levels:
            path = level_path(level, dvc_dir, environ)
            for section, options in read_level(path).items():
                for option, value in options.items():
                    merged.setdefault(section, {})[option] = _absolute(section, option, value, os.path.dirname(path))
                    origins[section, option] = path
        return merged, origins

    def overlaid(self, settings: Mapping[str, Mapping[str, object]], where: str) -> Config:
        """Return this with settings laid over it: sections, or kinds of named ones, of options. Raises as `load`."""
        sections = {name: dict(options) for name, options in self._sections.items()}
        origins = dict(self._origins)
        for section, options in settings.items():
            if section in NAMED_SECTIONS:
                named = {named_section(section, name): inner for name, inner in options.items()}
            else:
                named = {section: options}
            for name, inner in named.items():
                if not isinstance(inner, Mapping):
                    raise InvalidInputError(f"{where}: {section!r} should hold options by name.")
                for option, value in inner.items():
                    sections.setdefault(name, {})[option] = _plain(value)
                    origins[name, option] = where
        for section, checked in sections.items():
            _check_section(section, checked, origins, where)
        return Config(sections, origins)

    def get(self, name: str) -> str | None:
        """Return a setting by `section.option`, a list joined by commas; None when it is not set."""
        section, option = split_name(name)
        value = self._sections.get(section, {}).get(option)
        return None if value is None else _text(value)

    def is_true(self, name: str) -> bool:
        """Whether a setting is there and says yes."""
        value = self.get(name)
        return value is not None and value.lower() in TRUE_WORDS

    def items(self) -> list[tuple[str, str, str]]:
        """Return all settings as (name, value, file)."""
        return [
            (join_name(section, option), _text(value), self._origins[section, option])
            for section, options in self._sections.items()
            for option, value in options.items()
        ]

    def remotes(self) -> dict[str, dict[str, str]]:
        """Return the options of every remote by its name; `url` among them, absolute when it is a path."""
        found = {}
        for section, options in self._sections.items():
            kind, name = split_section(section)
            if kind == "remote" and name is not None:
                found[name] = {option: _text(value) for option, value in options.items()}
        return found

    def remote(self, name: str | None) -> tuple[str, dict[str, str]]:
        """Return the name and options of a remote, the default one when None. Raises NotFoundError."""
        remotes = self.remotes()
        if name is None:
            name = self.get("core.remote")
            if name is None:
                raise NotFoundError(
                    "No remote was named, and there is no default.",
                    hint="Set one with 'siglum remote add -d NAME URL', or name one with -r.",
                )
        if name not in remotes:
            known = did_you_mean(name, remotes) or (
                f"Known are {', '.join(sorted(remotes))}." if remotes else "Add it with 'siglum remote add'."
            )
            raise NotFoundError(f"There is no remote {name!r}.", hint=known)
        return name, remotes[name]


class Edit(msgspec.Struct, frozen=True):
    """What a change of one level did."""

    path: str
    changed: bool


def read_level(path: str) -> Ini:
    """Return one file's sections, none when it is not there."""
    try:
        return parse_ini(decoded(read_bytes(path), path), path)
    except NotFoundError:
        return {}


def edit_level(
    level: Level, dvc_dir: str | None, change: Callable[[Ini], None], environ: Mapping[str, str] = os.environ
) -> Edit:
    """Change one level's file and replace it atomically.

    What results is checked together with the levels below before it is written; raises InvalidInputError. Holds no
    lock: whoever reads before it edits holds `config_locks` around both.
    """
    path = level_path(level, dvc_dir, environ)
    sections = read_level(path)
    before = format_ini(sections)
    change(sections)
    after = format_ini(_in_order({name: options for name, options in sections.items() if options}))
    if after == before:
        return Edit(path, changed=False)
    _check_together(level, dvc_dir, sections, path, environ)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    write_atomic(path, (after or "\n").encode())  # DVC leaves a line where nothing is left
    return Edit(path, changed=True)


@contextlib.contextmanager
def config_locks(
    levels: Iterable[Level], dvc_dir: str | None, environ: Mapping[str, str] = os.environ
) -> Iterator[None]:
    """Keep others from changing the files of these levels in a block. Raises BusyError, naming who does.

    The repository's two files share one lock. Several are taken in one order, so that nobody waits in a circle.
    """
    wanted = set(levels)
    paths = [
        os.path.join(os.path.dirname(level_path(level, dvc_dir, environ)), ".config.lock")
        for level in (Level.SYSTEM, Level.GLOBAL)
        if level in wanted
    ]
    if dvc_dir is not None and wanted & {Level.REPO, Level.LOCAL}:
        paths.append(os.path.join(dvc_dir, "tmp", "siglum", "config.lock"))
    with contextlib.ExitStack() as held:
        for path in paths:
            held.enter_context(repository_lock(path))
        yield


def levels_upto(level: Level, dvc_dir: str | None) -> list[Level]:
    """Return the levels from the system's to this one, without those that need a repository when there is none."""
    known = [each for each in Level if dvc_dir is not None or each in (Level.SYSTEM, Level.GLOBAL)]
    return known[: known.index(level) + 1] if level in known else known


def split_name(name: str) -> tuple[str, str]:
    """Split `core.remote` or `remote.myremote.url` into section and option. Raises InvalidInputError."""
    parts = name.lower().split(".")
    if len(parts) == 2 and all(parts):
        return parts[0], parts[1]
    if len(parts) >= 3 and parts[0] in NAMED_SECTIONS and all(parts):
        original = name.split(".")
        return named_section(parts[0], ".".join(original[1:-1])), parts[-1]
    raise InvalidInputError(
        f"{name!r} is not the name of a setting.", hint="Settings are named section.option, as core.remote."
    )


def join_name(section: str, option: str) -> str:
    """Undo `split_name`."""
    kind, name = split_section(section)
    return f"{kind}.{name}.{option}" if name is not None else f"{section}.{option}"


def relative_to_config(value: str, config_path: str, cwd: str) -> str:
    """Return a path as it is written into a configuration file: relative to the file's folder when it was relative."""
    if is_url(value) or value.startswith("~") or os.path.isabs(value):
        return value
    return os.path.relpath(os.path.join(cwd, value), os.path.dirname(config_path)).replace(os.sep, "/")


def is_url(value: str) -> bool:
    """Whether a value has a scheme, as in `s3://bucket`."""
    return "://" in value


def is_path_option(section: str, option: str) -> bool:
    """Whether an option's value is a path."""
    return option in PATH_OPTIONS.get(split_section(section)[0], ())


def _plain(value: object) -> IniValue:
    """Return a value that a program gave as it would stand in a file."""
    if isinstance(value, bool):
        return str(value).lower()
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else str(value)


def _text(value: IniValue) -> str:
    return ",".join(value) if isinstance(value, tuple) else value


def _absolute(section: str, option: str, value: IniValue, folder: str) -> IniValue:
    if not isinstance(value, str) or not value or not is_path_option(section, option) or is_url(value):
        return value
    return os.path.normpath(os.path.join(folder, os.path.expanduser(value)))


def _in_order(sections: Ini) -> Ini:
    """Return sections as they are written: those without a name first, then remotes and other named ones."""
    kinds = ("", *NAMED_SECTIONS)

    def rank(section: str) -> int:
        kind, name = split_section(section)
        return 0 if name is None else kinds.index(kind)

    return {section: sections[section] for section in sorted(sections, key=rank)}


def _check_together(level: Level, dvc_dir: str | None, sections: Ini, path: str, environ: Mapping[str, str]) -> None:
    merged: Ini = {}
    origins: dict[tuple[str, str], str] = {}
    for each in levels_upto(level, dvc_dir):
        place = level_path(each, dvc_dir, environ)
        for section, options in (sections if each is level else read_level(place)).items():
            merged.setdefault(section, {}).update(options)
            origins.update(dict.fromkeys(((section, option) for option in options), place))
    for section, options in merged.items():
        if section in sections:
            _check_section(section, options, origins, path)


def _check_section(
    section: str, options: Mapping[str, IniValue], origins: Mapping[tuple[str, str], str], path: str = ""
) -> None:
    kind, name = split_section(section)
    if name is not None:
        where = next((origins[section, option] for option in options if (section, option) in origins), path)
        check_named(kind, name, dict(options), where)
        return
    for option, value in options.items():
        check_option(section, option, value, origins.get((section, option), path))
    if not options and section not in SECTIONS:
        raise InvalidInputError(f"{path}: there is no section {section!r}.", hint=did_you_mean(section, SECTIONS))
