"""What `siglum remote` and `siglum config` do to the settings: atomic edits, one command at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping

import msgspec

from siglum.core.errors import AlreadyExistsError, ConflictError, InvalidInputError, NotFoundError
from siglum.core.text import did_you_mean
from siglum.workspace.config import (
    Config,
    Edit,
    Level,
    config_locks,
    edit_level,
    is_path_option,
    level_path,
    levels_upto,
    named_section,
    read_level,
    relative_to_config,
    split_name,
    split_section,
)
from siglum.workspace.config_schema import SECTIONS
from siglum.workspace.ini import Ini

REMOTE = "remote"


class Settings(msgspec.Struct, frozen=True):
    """The level that commands change, and where relative paths are relative to."""

    level: Level
    dvc_dir: str | None
    cwd: str
    environ: Mapping[str, str] = os.environ

    @property
    def path(self) -> str:
        """The level's file. Raises InvalidInputError for a level that needs a repository when there is none."""
        return level_path(self.level, self.dvc_dir, self.environ)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from changing this level and those that override it in a block.

        Raises BusyError, or InvalidInputError as `path` does.
        """
        level_path(self.level, self.dvc_dir, self.environ)  # says so where there is no repository to have this level
        with config_locks({above.level for above in self.from_the_top()}, self.dvc_dir, self.environ):
            yield

    def edit(self, change: Callable[[Ini], None]) -> Edit:
        """Change the level's file; to be called in a block of `alone`."""
        return edit_level(self.level, self.dvc_dir, change, self.environ)

    def load(self, only: Level | None = None) -> Config:
        """Return the settings of all levels, or of one. Raises FileFormatError or InvalidInputError naming the file."""
        if only is None:
            return Config.load(self.dvc_dir, self.environ)
        return Config.load_one(only, self.dvc_dir, self.environ)

    def at(self, level: Level) -> Settings:
        """Return the same for another level."""
        return msgspec.structs.replace(self, level=level)

    def remotes(self) -> list[str]:
        """Return the names of the remotes that this level and those below it have."""
        found: dict[str, None] = {}
        for level in levels_upto(self.level, self.dvc_dir):
            found.update(dict.fromkeys(_remotes_in(read_level(self.at(level).path))))
        return list(found)

    def from_the_top(self) -> list[Settings]:
        """Return the levels that override this one, the strongest first, and this one."""
        strongest = Level.LOCAL if self.dvc_dir is not None else Level.GLOBAL
        above = levels_upto(strongest, self.dvc_dir)
        return [self.at(level) for level in reversed(above[above.index(self.level) :])]


def set_option(settings: Settings, name: str, value: str) -> Edit:
    """Set `section.option`; a relative path is one from the current folder."""
    section, option = split_name(name)

    def change(sections: Ini) -> None:
        sections.setdefault(section, {})[option] = _written(settings, section, option, value)

    with settings.alone():
        return settings.edit(change)


def unset_option(settings: Settings, name: str) -> Edit:
    """Remove `section.option`. Raises NotFoundError when this level does not have it."""
    section, option = split_name(name)

    def change(sections: Ini) -> None:
        if option not in sections.get(section, {}):
            raise NotFoundError(f"{settings.path} does not set {name}.")
        del sections[section][option]

    with settings.alone():
        return settings.edit(change)


def check_readable(name: str) -> None:
    """Raise InvalidInputError for the name of a setting that cannot exist."""
    section, option = split_name(name)
    if split_section(section)[1] is not None:
        return
    if section not in SECTIONS:
        hint = did_you_mean(section, SECTIONS) or f"Sections: {', '.join(SECTIONS)}."
        raise InvalidInputError(f"There is no section {section!r}.", hint=hint)
    if option not in SECTIONS[section]:
        hint = did_you_mean(option, SECTIONS[section]) or f"It has: {', '.join(SECTIONS[section])}."
        raise InvalidInputError(f"The section {section!r} has no option {option!r}.", hint=hint)


def add_remote(settings: Settings, name: str, url: str, *, default: bool = False, force: bool = False) -> Edit:
    """Name a place. Raises AlreadyExistsError for a name that this level has, without `force`."""
    section = _section_of(name)
    if not url.strip():
        raise InvalidInputError(f"The URL of the remote {name!r} is empty.", hint="Give the path of a folder.")

    def change(sections: Ini) -> None:
        if section in sections and not force:
            raise AlreadyExistsError(
                f"There is a remote {name!r} already, in {settings.path}.", hint="Use -f to replace it."
            )
        if default:
            sections.setdefault("core", {})["remote"] = name.lower()
        sections[section] = {"url": _written(settings, section, "url", url)}

    with settings.alone():
        return settings.edit(change)


def modify_remote(settings: Settings, name: str, option: str, value: str | None) -> Edit:
    """Set an option of a remote, or remove it when `value` is None (again changes nothing)."""
    section, option = _section_of(name), option.lower()

    def change(sections: Ini) -> None:
        if value is not None:
            sections.setdefault(section, {})[option] = _written(settings, section, option, value)
        else:
            sections.get(section, {}).pop(option, None)

    with settings.alone():
        _check_known(settings, name)
        return settings.edit(change)


def remove_remote(settings: Settings, name: str) -> Edit:
    """Forget a remote, and that it was the default. What it holds stays.

    Raises ConflictError when a stronger level has options for it, which would be left without a URL.
    """
    section = _section_of(name)

    def change(sections: Ini) -> None:
        del sections[section]
        if sections.get("core", {}).get("remote") == name.lower():
            _set_default(sections, None)

    with settings.alone():
        _check_here(settings, name)
        for above in settings.from_the_top()[:-1]:
            options = read_level(above.path).get(section, {})
            if options and "url" not in options:
                raise ConflictError(
                    f"{above.path} sets {', '.join(options)} of the remote {name!r}, which would have no URL then.",
                    hint=f"Run 'siglum remote remove --{above.level} {name}' first.",
                )
        _point_defaults(settings, name, None)
        return settings.edit(change)


def rename_remote(settings: Settings, name: str, new: str) -> Edit:
    """Give a remote another name; the default follows. Raises AlreadyExistsError."""
    old_section, new_section = _section_of(name), _section_of(new)

    def move(sections: Ini) -> None:
        sections[new_section] = sections.pop(old_section)

    def copy(sections: Ini) -> None:
        sections[new_section] = dict(sections[old_section])

    def finish(sections: Ini) -> None:
        # Whether it was copied before or not, it stands where a rename puts it: last.
        sections.pop(new_section, None)
        move(sections)
        if sections.get("core", {}).get("remote") == name.lower():
            _set_default(sections, new.lower())

    with settings.alone():
        _check_here(settings, name)
        if new.lower() in settings.remotes():
            raise AlreadyExistsError(
                f"There is a remote {new!r} already.", hint="Choose another name, or remove it first."
            )
        # A secret in the local file belongs to this remote and moves along; one with a URL is a remote of its own.
        stronger = [
            above
            for above in settings.from_the_top()[:-1]
            if (options := read_level(above.path).get(old_section)) and "url" not in options
        ]
        if stronger:
            settings.edit(copy)  # both names are there while the files change: none ever holds options without a URL
        for above in stronger:
            above.edit(move)
        _point_defaults(settings, name, new.lower())
        return settings.edit(finish)


def set_default(settings: Settings, name: str | None) -> Edit:
    """Make a remote the default of this level, or unset that with None."""

    def change(sections: Ini) -> None:
        if name is not None:
            sections.setdefault("core", {})["remote"] = name.lower()
        else:
            sections.get("core", {}).pop("remote", None)

    with settings.alone():
        if name is not None:
            _check_known(settings, name)
        return settings.edit(change)


def _point_defaults(settings: Settings, name: str, new: str | None) -> None:
    """Change the default where a stronger level names the remote."""
    for each in settings.from_the_top()[:-1]:
        if read_level(each.path).get("core", {}).get("remote") == name.lower():
            each.edit(lambda sections: _set_default(sections, new))


def _set_default(sections: Ini, name: str | None) -> None:
    if name is None:
        sections["core"].pop("remote")
    else:
        sections["core"]["remote"] = name


def _section_of(name: str) -> str:
    if not name or '"' in name or "\n" in name:
        raise InvalidInputError(f"{name!r} cannot be the name of a remote.", hint="Use letters, digits, '-' and '_'.")
    return named_section(REMOTE, name.lower())


def _remotes_in(sections: Ini) -> list[str]:
    split = (split_section(section) for section in sections)
    return [name for kind, name in split if kind == REMOTE and name is not None]


def _check_known(settings: Settings, name: str) -> None:
    _check_among(name, settings.remotes(), "There is")


def _check_here(settings: Settings, name: str) -> None:
    _check_among(name, _remotes_in(read_level(settings.path)), f"{settings.path} has")


def _check_among(name: str, known: list[str], start: str) -> None:
    if name.lower() not in known:
        hint = did_you_mean(name, known) or "See 'siglum remote list'."
        raise NotFoundError(f"{start} no remote {name!r}.", hint=hint)


def _written(settings: Settings, section: str, option: str, value: str) -> str:
    return relative_to_config(value, settings.path, settings.cwd) if is_path_option(section, option) else value
