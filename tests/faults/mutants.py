"""Planted bugs, each with the campaign that has to find it. They are put into the child that runs the command.

What is replaced is as little as makes the bug: if a name here is not found any more, the bug has to be planted anew.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from siglum.storage import durability, durable_batch, hashing, index, links, placing, transfer, trash
from siglum.storage.objects import ObjectStore
from siglum.storage.remotes.local import LocalRemote
from siglum.workspace import commit, documents
from siglum.workspace.outputs import hash_path
from siglum.workspace.pointers import write_pointer


class Mutant(msgspec.Struct, frozen=True):
    """A bug, and the campaign that finds it: kind, command, scenario, how many faults."""

    name: str
    apply: Callable[[], None]
    kind: str
    command: str
    scenario: str
    quota: int = 400


def everywhere(real: object, planted: object) -> None:
    """Replace a function in every module of Siglum that has it under some name."""
    found = False
    for name, module in list(sys.modules.items()):
        if name.startswith("siglum"):
            for attribute, value in list(vars(module).items()):
                if value is real:
                    setattr(module, attribute, planted)
                    found = True
    assert found, f"{real} is not there to be replaced"


def replace_method(owner: type, name: str, planted: Callable[..., Any]) -> None:
    """Replace a method that is there."""
    assert name in vars(owner), f"{owner.__name__} has no {name} to be replaced"
    setattr(owner, name, planted)


def rename_before_flush() -> None:
    """Make a batch visible, then flush it."""

    def made_visible(batch: durable_batch.DurableBatch) -> None:
        for new in batch._new.values():
            new.put_in_place()
        staged = dict(batch._staged)
        for final, temporary in staged.items():
            os.makedirs(os.path.dirname(final), exist_ok=True)
            os.rename(temporary, final)
        batch._staged.clear()
        batch._flush(staged)

    replace_method(durable_batch.DurableBatch, "commit", made_visible)


def never_flush() -> None:
    """Leave it to the kernel when bytes and names reach the disk."""
    replace_method(durable_batch.DurableBatch, "_flush", lambda batch, paths: None)


def flush_again_after_failure() -> None:
    """Try a failed flush again: the kernel has dropped the pages meanwhile, and says that all is well."""
    real = durable_batch.DurableBatch._flush

    def flush(batch: durable_batch.DurableBatch, paths: Any) -> None:
        try:
            real(batch, paths)
        except OSError:
            real(batch, paths)

    replace_method(durable_batch.DurableBatch, "_flush", flush)


def pointer_before_object() -> None:
    """Write the `.dvc` file first, then bring what it names into the cache."""
    real = commit.record

    def record(repo: Any, pointer: Any, *arguments: Any, **keywords: Any) -> Any:
        outs = [
            commit.updated(spec, hash_path(repo, os.path.join(repo.root, pointer.key_of(spec))))
            for spec in pointer.file.outs
        ]
        write_pointer(os.path.join(repo.root, pointer.path), msgspec.structs.replace(pointer.file, outs=outs))
        return real(repo, pointer, *arguments, **keywords)

    everywhere(real, record)


def pointer_in_place() -> None:
    """Write files for Git in place, not beside it and by a rename."""

    def write(path: str, data: bytes) -> None:
        with open(path, "wb") as file:
            file.write(data)

    everywhere(documents.write_atomic, write)


def trust_by_mode() -> None:
    """Take an object for sound since its mode is 0444."""
    real = ObjectStore.verify

    def verify(store: ObjectStore, oid: str) -> str:
        path = store.path_of(oid)
        if os.path.exists(path) and stat.S_IMODE(os.stat(path).st_mode) == 0o444:
            return path
        return real(store, oid)

    replace_method(ObjectStore, "verify", verify)


def manifest_before_files() -> None:
    """Send the manifests first, on their own."""
    real = transfer._Runner.move

    def move(runner: transfer._Runner, oids: Any) -> None:
        if not runner.moved:
            real(runner, [manifest.oid for manifest in runner.plan.manifests])
        real(runner, oids)

    replace_method(transfer._Runner, "move", move)


def unlink_before_swap() -> None:
    """Remove what is in the workspace, then put the new file there."""

    def put(placement: placing.Placement, temporary: str) -> bool:
        durability.discard(placement.target)
        os.rename(temporary, placement.target)
        return True

    everywhere(placing._put_at_target, put)


def unlink_before_link() -> None:
    """The same where one file is placed, as `add` does it."""
    real = links._swap_in

    def swap_in(kind: Any, source: str, temporary: str, target: str, executable: bool) -> None:
        durability.discard(target)
        real(kind, source, temporary, target, executable)

    everywhere(real, swap_in)


def index_without_racy_check() -> None:
    """Remember the hash of a file that may change again within the same tick of the clock."""
    everywhere(index.is_settled, lambda status, now_ns: True)


def send_unchecked() -> None:
    """Do not hash what is sent."""
    real = LocalRemote._stage
    replace_method(
        LocalRemote, "_stage", lambda remote, batch, source, key, oid: real(remote, batch, source, key, None)
    )


def receive_unchecked() -> None:
    """Do not hash what is received."""
    real = LocalRemote.get
    replace_method(LocalRemote, "get", lambda remote, key, target, oid: real(remote, key, target, None))


def mixture_unnoticed() -> None:
    """Do not look whether a file changed while it was read."""
    everywhere(hashing.check_unchanged, lambda path, before, after, read: None)


def delete_damaged() -> None:
    """Delete a damaged object instead of putting it aside."""
    replace_method(ObjectStore, "quarantine", lambda store, oid: durability.discard(store.path_of(oid)))


def collect_for_good() -> None:
    """Delete what nobody needs, without a trash."""

    def take(box: trash.Trash, batch: trash.Batch, algorithm: str, oids: Any) -> trash.Contents:
        for oid in trash.manifests_first(oids):
            durability.discard(box._stores[algorithm].path_of(oid))
        return trash.Contents()

    replace_method(trash.Trash, "take", take)


def collect_files_first() -> None:
    """Take files away before the manifests that list them."""
    real = trash.manifests_first
    everywhere(real, lambda oids: real(oids)[::-1])


MUTANTS: dict[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
        Mutant("rename before flush", rename_before_flush, "order", "add", "add new"),
        Mutant("never flush", never_flush, "order", "push", "push"),
        Mutant("pointer in place", pointer_in_place, "order", "add", "add new"),
        Mutant("flush again after failure", flush_again_after_failure, "errors", "add", "add new", 90),
        Mutant("pointer before object", pointer_before_object, "kills", "add", "add new"),
        Mutant("manifest before files", manifest_before_files, "kills", "push", "push"),
        Mutant("unlink before swap", unlink_before_swap, "kills", "checkout", "checkout switch"),
        Mutant("unlink before link", unlink_before_link, "kills", "add", "add git"),
        Mutant("index without racy check", index_without_racy_check, "racy", "add", "add new"),
        Mutant("trust by mode", trust_by_mode, "damage", "checkout", "checkout all"),
        Mutant("send unchecked", send_unchecked, "damage", "push", "push"),
        Mutant("receive unchecked", receive_unchecked, "damage", "pull", "pull"),
        Mutant("mixture unnoticed", mixture_unnoticed, "meddling", "add", "add git"),
        Mutant("delete damaged", delete_damaged, "damage", "add", "add again"),
        Mutant("collect for good", collect_for_good, "kills", "gc", "gc"),
        Mutant("collect files first", collect_files_first, "kills", "gc", "gc"),
    )
}
