"""The INI dialect of `.dvc/config`: sections, options, quoted values, lists by comma, comments. Values in, values out.

What is written equals what ConfigObj writes for the same values, so that DVC and Siglum can take turns on one file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from siglum.core.errors import FileFormatError, InvalidInputError

IniValue: TypeAlias = str | tuple[str, ...]
Ini: TypeAlias = dict[str, dict[str, IniValue]]

_SECTION = re.compile(r"""\[\s*(?P<name>'[^']*'|"[^"]*"|[^'"\[\]\s][^\[\]]*?)\s*\]\s*(?:\#.*)?$""")
_OPTION = re.compile(r"""(?P<name>'[^']*'|"[^"]*"|[^'"=\s][^=]*?)\s*=\s*(?P<value>.*)$""")
# One element of a value: quoted, or bare up to a comma or a comment.
_ELEMENT = re.compile(r"""\s*(?:"(?P<double>[^"\n]*)"|'(?P<single>[^'\n]*)'|(?P<bare>[^'",\#][^,\#]*?))\s*(?=,|\#|$)""")


def parse_ini(text: str, where: str) -> Ini:
    """Read sections of options; names are lower-cased. Raises FileFormatError with the line."""
    sections: Ini = {}
    current: dict[str, IniValue] | None = None
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number].strip()
        number += 1
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            match = _SECTION.match(line)
            if match is None:
                raise FileFormatError(where, f"{line!r} is not a section", line=number)
            name = _unquoted(match["name"]).lower()
            if name in sections:
                raise FileFormatError(where, f"the section [{name}] stands twice", line=number)
            current = sections[name] = {}
            continue
        match = _OPTION.match(line)
        if match is None:
            raise FileFormatError(where, f"{line!r} is not 'option = value'", line=number)
        if current is None:
            raise FileFormatError(where, f"the option {match['name']!r} stands before any section", line=number)
        name, value = _unquoted(match["name"]).lower(), match["value"]
        if name in current:
            raise FileFormatError(where, f"the option {name!r} stands twice in its section", line=number)
        if value.startswith(('"""', "'''")):
            current[name], number = _multi_line(lines, number, value, where)
        else:
            current[name] = _parse_value(value, where, number)
    return sections


def format_ini(sections: Mapping[str, Mapping[str, IniValue]]) -> str:
    """Write sections in their order, options indented by four blanks; nothing for no sections."""
    lines: list[str] = []
    for section, options in sections.items():
        lines.append(f"[{_quoted(section)}]")
        lines.extend(f"    {_quoted(name)} = {_format_value(value)}" for name, value in options.items())
    return "".join(line + "\n" for line in lines)


def _multi_line(lines: list[str], number: int, value: str, where: str) -> tuple[str, int]:
    mark, rest, start = value[:3], value[3:], number
    parts = []
    # A value may end in the character that the mark is made of: the mark is what only a comment may follow.
    end = re.compile(rf"(.*?){mark}\s*(?:#.*)?$")
    while not (last := end.match(rest)):
        parts.append(rest)
        if number == len(lines):
            raise FileFormatError(where, f"a value that begins with {mark} never ends", line=start)
        rest = lines[number]
        number += 1
    parts.append(last[1])
    return "\n".join(parts), number


def _parse_value(text: str, where: str, line: int) -> IniValue:
    text = text.strip()
    if not text or text.startswith("#"):
        return ""
    if text == ",":
        return ()
    elements: list[str] = []
    is_list, position = False, 0
    while True:
        match = _ELEMENT.match(text, position)
        if match is None:
            raise FileFormatError(where, f"the value {text!r} does not parse", line=line, hint="Quote it.")
        elements.append(next(part for part in match.groups() if part is not None))
        position = match.end()
        if position == len(text) or text[position] == "#":
            break
        is_list, position = True, position + 1
        rest = text[position:].strip()
        if not rest or rest.startswith("#"):
            break
    return tuple(elements) if is_list else elements[0]


def _format_value(value: IniValue) -> str:
    if isinstance(value, tuple):
        if not value:
            return ","
        listed = ", ".join(_quoted(element) for element in value)
        return listed + "," if len(value) == 1 else listed
    if "\n" in value or ("'" in value and '"' in value):
        mark = "'''" if '"""' in value else '"""'
        if mark in value:
            raise InvalidInputError(f"The value {value!r} cannot be written in an INI file.")
        return mark + value + mark
    return _quoted(value)


def _quoted(text: str) -> str:
    if not text:
        return '""'
    # What a reader would strip is quoted: any blank of Unicode, not only those that ConfigObj quotes.
    bare = text == text.strip() and text[0] not in "'\"" and text[-1] not in "'\"" and not set(text) & {",", "#"}
    if bare and "\n" not in text:
        return text
    if "\n" in text or ("'" in text and '"' in text):
        raise InvalidInputError(f"{text!r} cannot be written in an INI file.")
    return f"'{text}'" if '"' in text else f'"{text}"'


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] == text[-1] and text[0] in "'\"" and len(text) > 1 else text
