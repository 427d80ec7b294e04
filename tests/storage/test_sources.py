"""Sources: what a path or web address has, taken in whole or not at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.storage.web_server import Page, Web, serve

from siglum.core.errors import (
    ConflictError,
    IntegrityError,
    InvalidInputError,
    NotFoundError,
    NotSupportedError,
    SiglumError,
    UnauthenticatedError,
    UnavailableError,
)
from siglum.storage.hashing import md5_bytes
from siglum.storage.objects import ObjectStore
from siglum.storage.sources import Facts, open_source

BODY = bytes(range(256)) * 12_000  # three blocks


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as made:
        yield made


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(str(tmp_path / "store"))


def gets(web: Web) -> list[str | None]:
    """Return the ranges that GET requests asked for."""
    return [wanted for method, _, wanted in web.requests if method == "GET"]


def test_a_page(web: Web, store: ObjectStore) -> None:
    web.pages["/a%20b"] = Page(BODY, {"ETag": '"one"'})
    source = open_source(f"{web.url}/a b")
    assert source.facts() == Facts(checksum='"one"', size=len(BODY))
    taken = source.take(store)
    assert taken.facts == source.facts()
    assert [(file.relpath, file.oid, file.size) for file in taken.files] == [("", md5_bytes(BODY), len(BODY))]
    assert store.read_bytes(taken.files[0].oid) == BODY
    assert gets(web) == [None]


@pytest.mark.parametrize("validator", [{"ETag": '"one"'}, {"Last-Modified": "Tue, 24 Nov 2026 03:31:12 GMT"}])
def test_a_broken_transfer_goes_on_where_it_stopped(web: Web, store: ObjectStore, validator: dict[str, str]) -> None:
    cut = 1 << 20
    web.pages["/f"] = Page(BODY, validator, cut_after=[cut, cut])
    assert open_source(f"{web.url}/f").take(store).files[0].oid == md5_bytes(BODY)
    assert gets(web) == [None, f"bytes={cut}-", f"bytes={2 * cut}-"]


@pytest.mark.parametrize(
    "page",
    [
        Page(BODY, cut_after=[1 << 20]),  # nothing says that it is the same file later
        Page(BODY, {"ETag": 'W/"about"'}, cut_after=[1 << 20]),
        Page(BODY, {"ETag": '"one"'}, cut_after=[1 << 20], ranges=False),
    ],
    ids=["no validator", "weak validator", "no ranges"],
)
def test_a_broken_transfer_begins_anew(web: Web, store: ObjectStore, page: Page) -> None:
    web.pages["/f"] = page
    assert open_source(f"{web.url}/f").take(store).files[0].oid == md5_bytes(BODY)
    assert len(gets(web)) == 2


def test_a_page_that_becomes_another_meanwhile(web: Web, store: ObjectStore) -> None:
    web.pages["/f"] = Page(BODY, {"ETag": '"one"'}, cut_after=[1 << 20])
    source = open_source(f"{web.url}/f")
    other = BODY[::-1]

    def change(_files: int, size: int) -> None:
        if size == 1 << 20:
            web.pages["/f"] = Page(other, {"ETag": '"two"'})

    with pytest.raises(ConflictError, match="changed while it was fetched"):
        source.take(store, progress=change)
    assert len(gets(web)) == 2
    assert not store.has(md5_bytes(BODY))
    # What came is whole, and under the name that its bytes give it: no half of the one and half of the other.
    assert [store.read_bytes(oid) for oid in store.oids()] == [other]


def test_a_transfer_that_always_breaks(web: Web, store: ObjectStore) -> None:
    web.pages["/f"] = Page(b"0123456789", {"ETag": '"one"'}, cut_after=[0] * 100)
    with pytest.raises(UnavailableError, match="was cut short"):
        open_source(f"{web.url}/f").take(store)
    assert len(web.pages["/f"].cut_after) < 100
    assert list(store.oids()) == []
    assert os.listdir(store.root) == []


def test_a_body_that_is_not_what_its_header_says(web: Web, store: ObjectStore) -> None:
    web.pages["/f"] = Page(b"other", {"Content-MD5": "kAFQmDzST7DWlj99KOF/cg=="})
    with pytest.raises(IntegrityError, match="900150983cd24fb0d6963f7d28e17f72"):
        open_source(f"{web.url}/f").take(store)
    assert list(store.oids()) == []


def test_a_compressed_body(web: Web, store: ObjectStore) -> None:
    packed = gzip.compress(b"plain" * 1000)
    web.pages["/f"] = Page(packed, {"Content-Encoding": "gzip", "ETag": '"one"'})
    assert open_source(f"{web.url}/f").take(store).files[0].oid == md5_bytes(b"plain" * 1000)
    web.pages["/f"] = Page(packed[:-9], {"Content-Encoding": "gzip", "ETag": '"two"'})
    with pytest.raises(UnavailableError, match="cut short"):
        open_source(f"{web.url}/f").take(store)
    web.pages["/f"] = Page(packed, {"Content-Encoding": "br"})
    with pytest.raises(NotSupportedError, match="'br'"):
        open_source(f"{web.url}/f").take(store)


def test_what_a_server_refuses(web: Web, store: ObjectStore) -> None:
    with pytest.raises(NotFoundError, match="does not exist"):
        open_source(f"{web.url}/nothing").take(store)
    kinds: dict[int, type[SiglumError]] = {401: UnauthenticatedError, 410: NotFoundError, 418: UnavailableError}
    for status, kind in kinds.items():
        web.pages["/f"] = Page(b"", status=status)
        with pytest.raises(kind):
            open_source(f"{web.url}/f").facts()


def test_credentials_go_into_a_header_and_nowhere_else(web: Web, store: ObjectStore) -> None:
    web.pages["/f"] = Page(b"f")
    address = web.url.replace("http://", "http://me:s3cret@") + "/f"
    source = open_source(address)
    assert "s3cret" not in source.url
    assert source.take(store).files[0].size == 1
    assert set(web.authorizations) == {"Basic bWU6czNjcmV0"}
    web.pages["/f"] = Page(b"", status=401)
    with pytest.raises(UnauthenticatedError) as raised:
        source.facts()
    assert "s3cret" not in str(raised.value)
    given = open_source(f"{web.url}/f", {"auth": "custom", "custom_auth_header": "Authorization", "password": "token"})
    with pytest.raises(UnauthenticatedError):
        given.facts()
    assert web.authorizations[-1] == "token"


def test_options_are_never_ignored(web: Web, tmp_path: Path) -> None:
    for address in (f"{web.url}/f", str(tmp_path)):
        with pytest.raises(NotSupportedError, match="colour"):
            open_source(address, {"colour": "blue"})
    with pytest.raises(NotSupportedError, match="Siglum cannot read from gopher://"):
        open_source("gopher://h/f")


def test_paths(tmp_path: Path, store: ObjectStore) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/b").write_bytes(b"bb")
    (folder / "a").write_bytes(b"a")
    (folder / "a").chmod(0o755)
    (folder / "link").symlink_to("a")
    taken = open_source(str(folder)).take(store)
    assert [(file.relpath, file.size) for file in taken.files] == [("a", 1), ("link", 1), ("sub/b", 2)]
    assert (taken.facts.size, taken.facts.nfiles) == (4, 3)
    assert taken.facts == open_source(folder.as_uri()).facts()
    groups = list(open_source(str(folder)).groups(store))
    assert sorted(file for group in groups for file in group) == sorted(taken.files)
    single = open_source(str(folder / "a")).take(store)
    assert single.facts == Facts(md5=md5_bytes(b"a"), size=1, isexec=True)
    with pytest.raises(NotFoundError):
        open_source(str(tmp_path / "nothing")).facts()
    (folder / ".dvcignore").write_text("a\n")
    with pytest.raises(InvalidInputError, match="would be inside tracked data"):
        open_source(str(folder)).take(store)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InvalidInputError, match="FIFO"):
        open_source(str(tmp_path / "fifo")).take(store)
