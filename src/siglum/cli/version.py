"""`siglum version`: what runs here, and on what."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from siglum.cli.command import command
from siglum.cli.console import Console

if TYPE_CHECKING:
    from siglum.workspace.about import AboutRepository


@command("version")
def version(console: Console) -> None:
    """Show versions, the platform, and where the repository keeps what. For reports of problems."""
    from siglum.workspace.about import about

    found = about(os.getcwd())
    title = f"Siglum version: {found.version}"
    console.say(title)
    console.say("-" * len(title))
    console.say(f"Platform: Python {found.python} on {found.platform}")
    console.say(f"Git: {found.git or 'not found'}")
    console.say("Supports:")
    console.say("\tlocal, http, https, without more packages")
    for purpose, packages in found.packages.items():
        console.say(f"\t{purpose} ({packages})")
    console.say("Config:")
    for level, path in found.configuration.items():
        console.say(f"\t{level.capitalize()}: {os.path.dirname(path)}")
    if found.repository is not None:
        _say_repository(console, found.repository)
    console.result(found)


def _say_repository(console: Console, repository: AboutRepository) -> None:
    console.say(f"Cache types: {', '.join(repository.link_types) or 'copy only'}")
    console.say(f"Cache types wanted: {', '.join(repository.configured_link_types)}")
    console.say(f"Cache directory: {repository.cache}")
    remotes = [f"{name} ({kind})" for name, kind in repository.remotes.items()]
    console.say(f"Remotes: {', '.join(remotes) or 'none'}")
    console.say(f"Workspace directory: {repository.workspace}")
    console.say(f"Repo: {repository.kind}")
    console.say(f"State: {repository.state}")
