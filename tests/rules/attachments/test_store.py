"""Files and rows of attachments: limits, removal, crashes between file and row, bytes that changed."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest
from sqlalchemy import Engine

from devices.db.database import open_database
from rules.attachments import store as store_module
from rules.attachments.files import ASIDE_S, AttachmentFiles
from rules.attachments.inspection import Bounds, Inspected, Unfit, inspect
from rules.attachments.model import (
    AttachmentRefused,
    Limits,
    MediaType,
    NoRoom,
    Owner,
    OwnerKind,
    Removal,
    SpoiledAttachment,
    UnknownAttachment,
    cleaned_name,
)
from rules.attachments.store import AttachmentStore
from rules.attachments.tables import metadata
from tests.rules.attachments.pictures import document, photo

NOW = 1_790_000_000_000
ALERT = Owner(OwnerKind.ALERT, "9f86d081884c7d65")
OTHER = Owner(OwnerKind.ALERT, "0000000000000001")
REMOVAL = Removal(removed_by="wang", removed_at=NOW + 5, removed_reason="another truck")


def unlooked(file: BinaryIO, bounds: Bounds) -> Inspected:
    """Takes every file that does not begin with `bad`."""
    if file.read(3) == b"bad":
        raise Unfit("is bad")
    return Inspected(media_type=MediaType.PDF)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    on_disk = f"sqlite:///{tmp_path / 'db'}"
    opened = open_database(on_disk if request.param == "sqlite" else request.getfixturevalue("postgres_url"))
    metadata.create_all(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


@pytest.fixture
def store(engine: Engine, folder: Path) -> AttachmentStore:
    return AttachmentStore(engine, AttachmentFiles(folder), Limits(1_000, 3, 2_000, 4_000), inspect=unlooked)


def put(store: AttachmentStore, content: bytes, owner: Owner = ALERT, name: str = "a.pdf", at: int = NOW) -> str:
    return store.put(owner, name, [content], "li", at).attachment.id


def contents(folder: Path) -> dict[str, bytes]:
    """What lies in the folder, by place."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/*")}
    return {place: content for place, content in found.items() if not place.startswith("thumbnails/")}


def place_of(content: bytes) -> str:
    name = sha256(content).hexdigest()
    return f"{name[:2]}/{name}"


def test_what_was_added_comes_back_as_it_was(store: AttachmentStore, folder: Path) -> None:
    content = [b"one ", b"two ", b"three"]
    added = store.put(ALERT, "C:\\用户\\现场 照片.PDF", content, "li", NOW)
    assert added.is_new
    one = added.attachment
    assert (one.name, one.size_bytes, one.sha256) == ("现场 照片.PDF", 13, sha256(b"one two three").hexdigest())
    assert (one.added_by, one.added_at, one.owner) == ("li", NOW, ALERT)
    assert list(store.attachments(ALERT)) == [one]
    assert store.attachment(ALERT, one.id) == one
    with store.open(one) as file:
        assert file.read() == b"one two three"
    assert contents(folder) == {place_of(b"one two three"): b"one two three"}


def test_only_this_user_may_read_them(store: AttachmentStore, folder: Path) -> None:
    put(store, b"one")
    for path in (folder, *folder.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_photo_keeps_its_bytes_and_what_it_says(engine: Engine, folder: Path) -> None:
    store = AttachmentStore(engine, AttachmentFiles(folder), Limits(), inspect=inspect)
    one = store.put(ALERT, "photo.png.exe", [photo()], "li", NOW).attachment
    assert (one.name, one.media_type, one.width, one.height) == ("photo.png.exe.jpg", "image/jpeg", 480, 640)
    [kept] = store.attachments(ALERT)
    assert kept.claims is not None
    assert kept.claims.taken == "2026-03-01T16:04:11+08:00"
    with store.open(one) as file:
        assert file.read() == photo()
    small = store.thumbnail(one)
    (folder / "thumbnails" / f"{one.sha256}.jpg").unlink()
    assert store.thumbnail(one) == small, "made again"
    assert store.thumbnail(store.put(ALERT, "a", [document()], "li", NOW).attachment) is None
    gone = store.remove(ALERT, one.id, REMOVAL)
    assert (gone.claims, store.attachments(ALERT)[0].claims) == (None, None)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("/tmp/..", "file.pdf"),
        ("", "file.pdf"),
        ("\x00\x01", "file.pdf"),
        ("evil\u202efdp.exe", "evilfdp.exe.pdf"),
        ("a<b>:\"|?*.pdf", "ab.pdf"),
        ("现场照片 (1).PDF", "现场照片 (1).PDF"),
        ("长" * 300, "长" * 116 + ".pdf"),
        (".htaccess", "htaccess.pdf"),
        ("e\u0301.pdf", "\u00e9.pdf"),
    ],
)  # fmt: skip
def test_a_name_is_cleaned(given: str, shown: str) -> None:
    assert cleaned_name(given, MediaType.PDF) == shown


def test_the_same_file_again_is_the_same_attachment(store: AttachmentStore) -> None:
    first = put(store, b"one")
    again = store.put(ALERT, "b.pdf", [b"one"], "wang", NOW + 1)
    assert (again.attachment.id, again.is_new) == (first, False)
    assert len(store.attachments(ALERT)) == 1


def test_the_limits(store: AttachmentStore, folder: Path) -> None:
    with pytest.raises(AttachmentRefused, match="at most"):
        put(store, b"x" * 1_001)
    with pytest.raises(AttachmentRefused, match="is bad"):
        put(store, b"bad")
    assert contents(folder) == {}, "nothing stays of what was refused"
    for digit in b"12":
        put(store, bytes([digit]) * 900)
    with pytest.raises(AttachmentRefused, match="all files of one alert"):
        put(store, b"3" * 900)
    put(store, b"4" * 100)
    with pytest.raises(AttachmentRefused, match="3 files"):
        put(store, b"5")
    for digit in b"67":
        put(store, bytes([digit]) * 1_000, OTHER)
    with pytest.raises(NoRoom, match="HAULWATCH_ATTACHMENTS_MIB"):
        put(store, b"8" * 500, Owner(OwnerKind.CASE, "2026-000001"))
    assert len(contents(folder)) == 5


def test_without_the_reserve_of_the_disk_nothing_is_received(engine: Engine, folder: Path) -> None:
    store = AttachmentStore(engine, AttachmentFiles(folder), Limits(), lambda: False, unlooked)
    with pytest.raises(NoRoom, match="reserve"):
        store.receive(ALERT)
    assert contents(folder) == {}


def test_a_removed_one_leaves_its_row_and_no_bytes(store: AttachmentStore, folder: Path) -> None:
    kept, gone = put(store, b"kept"), put(store, b"gone", at=NOW + 1)
    put(store, b"gone", OTHER)
    store.remove(ALERT, gone, REMOVAL)
    assert contents(folder).keys() == {place_of(b"kept"), place_of(b"gone")}, "another alert has the same bytes"
    store.remove(OTHER, store.attachments(OTHER)[0].id, REMOVAL)
    assert contents(folder).keys() == {place_of(b"kept")}
    rows = {one.id: (one.removed_by, one.removed_reason) for one in store.attachments(ALERT)}
    assert rows == {kept: (None, None), gone: ("wang", "another truck")}
    with pytest.raises(UnknownAttachment):
        store.attachment(ALERT, gone)
    with pytest.raises(UnknownAttachment):
        store.remove(ALERT, gone, REMOVAL)
    assert put(store, b"gone") != gone, "it may be added again"


def test_an_attachment_is_found_by_its_owner_only(store: AttachmentStore) -> None:
    one = put(store, b"one")
    with pytest.raises(UnknownAttachment):
        store.attachment(OTHER, one)
    with pytest.raises(UnknownAttachment):
        store.remove(OTHER, one, REMOVAL)
    assert store.attachments(OTHER) == []


class Died(BaseException):
    """The process ended here."""


def test_a_crash_between_file_and_row_leaves_no_row_and_the_file_aside(
    store: AttachmentStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched, suppress(Died):
        patched.setattr(store_module, "insert", dies)
        put(store, b"orphan")
    assert store.attachments(ALERT) == []
    assert contents(folder) == {place_of(b"orphan"): b"orphan"}
    kept = put(store, b"kept")
    assert store.sweep() == 1
    aside = f"aside/{sha256(b'orphan').hexdigest()}"
    assert contents(folder) == {aside: b"orphan", place_of(b"kept"): b"kept"}
    assert store.sweep() == 0, "it stays aside"
    old = (folder / aside).stat().st_mtime - ASIDE_S - 1
    os.utime(folder / aside, (old, old))
    assert store.sweep() == 1
    assert contents(folder) == {place_of(b"kept"): b"kept"}
    with store.open(store.attachment(ALERT, kept)) as file:
        assert file.read() == b"kept"


def test_a_crash_between_a_removed_row_and_its_file_ends_in_no_file(
    store: AttachmentStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise Died

    one = put(store, b"gone")
    with monkeypatch.context() as patched, suppress(Died):
        patched.setattr(AttachmentFiles, "remove", dies)
        store.remove(ALERT, one, REMOVAL)
    assert store.attachments(ALERT)[0].is_removed
    assert contents(folder) == {place_of(b"gone"): b"gone"}
    assert store.sweep() == 1
    assert contents(folder) == {}, "what was removed is not put aside"


def test_what_a_dead_process_was_receiving_is_swept_when_it_is_old(store: AttachmentStore, folder: Path) -> None:
    incoming = store.receive(ALERT)
    incoming.write(b"half")
    incoming.reader()
    assert store.sweep() == 0, "it may be arriving"
    os.utime(incoming.path, (0, 0))
    assert store.sweep() == 1
    assert contents(folder) == {}
    incoming.discard()


@pytest.mark.parametrize("how", ["changed", "shorter", "missing"])
def test_a_file_that_is_not_what_was_attached_is_refused_by_name(
    store: AttachmentStore, folder: Path, how: str
) -> None:
    one = store.attachment(ALERT, put(store, b"evidence", name="证据.pdf"))
    path = folder / place_of(b"evidence")
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(b"evidencf" if how == "changed" else b"evidenc")
    with pytest.raises(SpoiledAttachment, match=r"证据\.pdf"):
        store.open(one)
    put(store, b"evidence")
    with store.open(one) as file:
        assert file.read() == b"evidence", "sent again, it is whole again"
