"""A look at the files of a host over one SFTP session, whatever they are: to list a place before data comes from it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_DIRECTORY

from siglum.storage.remotes.base import RemoteEntry
from siglum.storage.remotes.ssh_errors import MISSING


async def file_size(sftp: asyncssh.SFTPClient, path: str, patience: float) -> int | None:
    """Return the size of the file at `path`, None when there is none. Links are followed."""
    async with asyncio.timeout(patience):
        try:
            found = await sftp.stat(os.fsencode(path))
        except (*MISSING, asyncssh.SFTPNotADirectory):
            return None
    return None if found.type == FILEXFER_TYPE_DIRECTORY else found.size


async def browse_folder(sftp: asyncssh.SFTPClient, path: str, patience: float) -> Sequence[RemoteEntry]:
    """Return what is directly in a folder, nothing when there is none. Links are not followed."""
    found: list[RemoteEntry] = []
    entries = sftp.scandir(os.fsencode(path))
    while True:
        async with asyncio.timeout(patience):
            try:
                entry = await anext(entries)
            except StopAsyncIteration:
                return found
            except (*MISSING, asyncssh.SFTPNotADirectory):
                return []
        name, is_dir = os.fsdecode(entry.filename), entry.attrs.type == FILEXFER_TYPE_DIRECTORY
        if name not in (".", ".."):
            found.append(RemoteEntry(name, is_dir, None if is_dir else entry.attrs.size))
