"""Scripts that complete command lines in bash, zsh and fish. Values in, text out.

All that is known of commands stands in the script: pressing Tab starts no Python, but for the names of remotes.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence

from siglum.cli.completion_spec import CommandSpec, Kind, OptionSpec

_REMOTES = "siglum remote list --name 2>/dev/null"
# Not by `compgen -W`, which expands its words: a repository could name a remote `$(…)`.
_BASH_REMOTES = (
    "_siglum_remotes() {",
    "    local name",
    "    while IFS= read -r name; do",
    '        [[ $name == "$1"* ]] && COMPREPLY+=("$(printf %q "$name")")',
    f"    done < <({_REMOTES})",
    "}",
)


def bash_script(specs: Sequence[CommandSpec]) -> str:
    """Return the script for bash: `source` it, or keep it where bash-completion looks."""
    return "\n".join(
        [
            "# Completion of siglum for bash. Keep this as ~/.local/share/bash-completion/completions/siglum",
            *_BASH_REMOTES,
            "_siglum() {",
            "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} cmd= i",
            "    COMPREPLY=()",
            "    for ((i = 1; i < COMP_CWORD; i++)); do",
            *_walk(specs, '"$cmd ${COMP_WORDS[i]}"', '"${cmd:+$cmd }${COMP_WORDS[i]}"', "        "),
            "    done",
            '    case "$cmd:$prev" in',
            *_values(specs, _bash_value),
            "    esac",
            '    case "$cmd" in',
            *(f"        {_word(spec.name)})\n{_bash_command(spec)}\n            ;;" for spec in specs),
            "    esac",
            "}",
            "complete -F _siglum siglum",
            "",
        ]
    )


def zsh_script(specs: Sequence[CommandSpec]) -> str:
    """Return the script for zsh: keep it as `_siglum` in a folder of `$fpath`, or `source` it."""
    return "\n".join(
        [
            "#compdef siglum",
            "# Completion of siglum for zsh. Keep this as _siglum in a folder of $fpath.",
            "_siglum() {",
            "    local cur=${words[CURRENT]} prev=${words[CURRENT-1]} cmd= i",
            "    local -a found",
            "    for ((i = 2; i < CURRENT; i++)); do",
            *_walk(specs, '"$cmd ${words[i]}"', '"${cmd:+$cmd }${words[i]}"', "        "),
            "    done",
            '    case "$cmd:$prev" in',
            *_values(specs, _zsh_value),
            "    esac",
            '    case "$cmd" in',
            *(f"        {_word(spec.name)})\n{_zsh_command(spec, specs)}\n            ;;" for spec in specs),
            "    esac",
            "}",
            'if [[ "${funcstack[1]}" = "_siglum" ]]; then',
            '    _siglum "$@"',
            "else",
            "    compdef _siglum siglum",
            "fi",
            "",
        ]
    )


def fish_script(specs: Sequence[CommandSpec]) -> str:
    """Return the script for fish: keep it as `~/.config/fish/completions/siglum.fish`."""
    names = " ".join(_word(spec.name) for spec in specs if spec.name)
    lines = [
        "# Completion of siglum for fish. Keep this as ~/.config/fish/completions/siglum.fish",
        "function __siglum_at",
        "    set -l cmd ''",
        f"    set -l known {names}",
        "    for word in (commandline -opc)[2..-1]",
        '        set -l longer (string trim -- "$cmd $word")',
        "        contains -- $longer $known; and set cmd $longer",
        "    end",
        '    test "$cmd" = "$argv[1]"',
        "end",
        "complete -c siglum -f",
    ]
    helps = {spec.name: spec.help for spec in specs}
    for spec in specs:
        here = f"complete -c siglum -n {_fish(f'__siglum_at {_fish(spec.name)}')}"
        for below in spec.commands:
            full = f"{spec.name} {below}".strip()
            lines.append(f"{here} -a {_fish(below)} -d {_fish(helps.get(full, ''))}")
        if not spec.commands:
            lines += [f"{here}{each}" for each in _fish_argument(spec.kind, spec.words)]
        lines += [f"{here}{_fish_option(option)}" for option in spec.options]
    return "\n".join([*lines, ""])


SCRIPTS = {"bash": bash_script, "zsh": zsh_script, "fish": fish_script}


def _walk(specs: Iterable[CommandSpec], tried: str, longer: str, indent: str) -> list[str]:
    """Return the lines that add a word to the name of the command, where that is one."""
    patterns = "|".join(_word(spec.name if " " in spec.name else f" {spec.name}") for spec in specs if spec.name)
    return [f"{indent}case {tried} in", f"{indent}    {patterns}) cmd={longer} ;;", f"{indent}esac"]


def _values(specs: Iterable[CommandSpec], complete: Callable[[OptionSpec], str]) -> list[str]:
    """Return the lines that complete the value of the option before the cursor."""
    return [
        f"        {'|'.join(_word(f'{spec.name}:{name}') for name in option.names)}) {complete(option)} return ;;"
        for spec in specs
        for option in spec.options
        if option.kind is not None
    ]


def _bash_value(option: OptionSpec) -> str:
    return {
        Kind.FILE: "compopt -o default;",
        Kind.REMOTE: '_siglum_remotes "$cur";',
        Kind.WORDS: f'COMPREPLY=($(compgen -W {_word(" ".join(option.words))} -- "$cur"));',
        Kind.NOTHING: "",
    }[option.kind or Kind.NOTHING]


def _bash_command(spec: CommandSpec) -> str:
    flags = " ".join(name for option in spec.options for name in option.names)
    words = " ".join(spec.commands or spec.words)
    rest = {
        Kind.FILE: "compopt -o default",
        Kind.REMOTE: '_siglum_remotes "$cur"',
    }.get(spec.kind, f'COMPREPLY=($(compgen -W {_word(words)} -- "$cur"))')
    return (
        f'            if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W {_word(flags)} -- "$cur"))\n'
        f"            else {rest}; fi"
    )


def _zsh_value(option: OptionSpec) -> str:
    return {
        Kind.FILE: "_files;",
        Kind.REMOTE: f'compadd -- ${{(f)"$({_REMOTES})"}};',
        Kind.WORDS: f"compadd -- {' '.join(map(_word, option.words))};",
        Kind.NOTHING: "",
    }[option.kind or Kind.NOTHING]


def _zsh_command(spec: CommandSpec, specs: Iterable[CommandSpec]) -> str:
    helps = {each.name: each.help for each in specs}
    options = [_zsh_pair(name, option.help) for option in spec.options for name in option.names]
    below = [_zsh_pair(name, helps.get(f"{spec.name} {name}".strip(), "")) for name in spec.commands]
    rest = {
        Kind.FILE: "_files",
        Kind.REMOTE: f'compadd -- ${{(f)"$({_REMOTES})"}}',
        Kind.WORDS: f"compadd -- {' '.join(map(_word, spec.words))}",
        Kind.NOTHING: f"found=({' '.join(below)}); _describe command found" if below else "return 1",
    }[spec.kind]
    return (
        f"            if [[ $cur == -* ]]; then found=({' '.join(options)}); _describe option found\n"
        f"            else {rest}; fi"
    )


def _zsh_pair(name: str, text: str) -> str:
    escaped = name.replace(":", "\\:")
    return _word(f"{escaped}:{text}")


def _fish_argument(kind: Kind, words: Sequence[str]) -> list[str]:
    return {
        Kind.FILE: [" -F"],
        Kind.REMOTE: [f" -a {_fish(f'({_REMOTES})')}"],
        Kind.WORDS: [f" -a {_fish(' '.join(words))}"],
        Kind.NOTHING: [],
    }[kind]


def _fish_option(option: OptionSpec) -> str:
    names = "".join(
        f" -l {_fish(name[2:])}" if name.startswith("--") else f" -s {_fish(name[1:])}" for name in option.names
    )
    value = "" if option.kind is None else " -r" + "".join(_fish_argument(option.kind, option.words))
    return f"{names}{value} -d {_fish(option.help)}"


def _word(text: str) -> str:
    return shlex.quote(text)


def _fish(text: str) -> str:
    """Return text as one word of fish, in whose single quotes a backslash escapes."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
