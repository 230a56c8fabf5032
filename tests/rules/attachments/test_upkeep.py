"""Looks at files, a part at a time; what is past its time goes, and its row stays."""

from pathlib import Path

import pytest

from rules.attachments.model import Owner
from rules.attachments.store import AttachmentStore
from rules.attachments.upkeep import REMOVER, Upkeep, examine
from tests.rules.attachments.test_store import ALERT, NOW, OTHER, REMOVAL, engine, folder, place_of, put, store

__all__ = ["engine", "folder", "store"]

DAY = 86_400_000


def test_missing_and_changed_files_are_named_until_they_are_back(store: AttachmentStore, folder: Path) -> None:
    ids = [put(store, content) for content in (b"one", b"two", b"three")]
    upkeep = Upkeep(store, lambda owner: None, 0, lambda: NOW)
    upkeep.step()
    assert (upkeep.found.attachments, upkeep.found.read, upkeep.found.trouble) == (3, 3, "")
    (folder / place_of(b"one")).unlink()
    (folder / place_of(b"two")).write_bytes(b"tWo")
    (folder / place_of(b"three")).write_bytes(b"longer than it was")
    upkeep.step()
    assert [one.id for one in upkeep.found.missing] == [ids[0]]
    assert {one.id for one in upkeep.found.spoiled} == set(ids[1:])
    assert f"1 missing ({ids[0]} of alert {ALERT.id}), 2 changed on disk" in upkeep.found.trouble
    for content in (b"one", b"two", b"three"):
        put(store, content, OTHER)  # the same bytes are the same file
    upkeep.step()
    assert upkeep.found.trouble == ""


def test_what_was_found_stays_named_while_others_are_read(store: AttachmentStore, folder: Path) -> None:
    """There is time for one file a look."""
    contents = {put(store, content): content for content in (b"one", b"two", b"three")}
    order = sorted(contents)
    clock = [0.0]

    def passing() -> float:
        clock[0] += 15.0
        return clock[0]

    upkeep = Upkeep(store, lambda owner: None, 0, lambda: NOW, passing)
    path = folder / place_of(contents[order[0]])
    path.write_bytes(path.read_bytes()[::-1])
    seen = []
    for _ in range(4):
        upkeep.step()
        seen.append((upkeep.found.reached, [one.id for one in upkeep.found.spoiled]))
    assert seen == [(order[0], [order[0]]), (order[1], [order[0]]), ("", [order[0]]), (order[0], [order[0]])]
    store.remove(ALERT, order[0], REMOVAL)
    upkeep.step()
    assert upkeep.found.spoiled == ()


def test_one_that_is_removed_while_it_is_looked_for_is_not_missing(
    store: AttachmentStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = put(store, b"gone")
    rows = list(store.page("", 9))
    store.remove(ALERT, gone, REMOVAL)
    monkeypatch.setattr(store, "page", lambda after, limit: [] if after else rows)
    assert examine(store, lambda: True).trouble == ""


def test_files_go_so_long_after_their_owner_was_closed(store: AttachmentStore, folder: Path) -> None:
    kept, gone = put(store, b"open"), put(store, b"closed", OTHER)
    closed: dict[Owner, int | None] = {ALERT: None, OTHER: NOW + DAY}
    now = [NOW + 31 * DAY - 1]
    upkeep = Upkeep(store, closed.__getitem__, 30 * DAY, lambda: now[0])
    upkeep.step()
    assert {one.id for one in store.page("", 9)} == {kept, gone}, "a moment is left"
    now[0] += 1
    upkeep.step()
    upkeep.step()
    assert [one.id for one in store.page("", 9)] == [kept]
    [row] = store.attachments(OTHER)
    assert (row.removed_by, row.removed_at) == (REMOVER, now[0])
    assert row.removed_reason == "kept for 30 days after the alert was closed"
    assert not (folder / place_of(b"closed")).exists()


@pytest.mark.parametrize(("keep_ms", "now"), [(0, NOW + 9_999 * DAY), (DAY, None)])
def test_without_a_limit_or_a_clock_they_stay(store: AttachmentStore, keep_ms: int, now: int | None) -> None:
    put(store, b"closed")
    Upkeep(store, lambda owner: 0, keep_ms, lambda: now).step()
    assert len(store.page("", 9)) == 1
