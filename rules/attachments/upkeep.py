"""Keeps files and rows of attachments in step, looks whether the files are what was attached, and ends their time."""

import logging
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from rules.attachments.model import Attachment, Owner, Removal, SpoiledAttachment, UnknownAttachment
from rules.attachments.store import AttachmentStore

LOOKS_S: Final = 20.0
"""Of one look, spent on reading files: 4 GiB an hour of a common disk."""
_PAGE: Final = 500
_NAMED: Final = 3
REMOVER: Final = "haulwatch"
"""Who removes what is past its time."""

_log = logging.getLogger(__name__)


class Examined(NamedTuple):
    """What a look at the files found."""

    attachments: int = 0
    read: int = 0
    """Of which so many were read and compared with their SHA-256."""
    missing: tuple[Attachment, ...] = ()
    spoiled: tuple[Attachment, ...] = ()
    reached: str = ""
    """Id of the last one that was read; empty: the end was reached, and the next look begins anew."""

    @property
    def trouble(self) -> str:
        """What is wrong, with the first names; empty: nothing."""
        found = (("missing", self.missing), ("changed on disk", self.spoiled))
        return ", ".join(f"{len(ones):,} {what} ({_names(ones)})" for what, ones in found if ones)


def _names(ones: tuple[Attachment, ...]) -> str:
    named = [f"{one.id} of {one.owner_kind} {one.owner_id}" for one in ones[:_NAMED]]
    return ", ".join(named) + (", …" if len(ones) > _NAMED else "")


def examine(store: AttachmentStore, in_time: Callable[[], bool], after: str = "") -> Examined:
    """Look whether every file is there, and read those after this id while there is time. Raises DatabaseError."""
    missing, spoiled = list[Attachment](), list[Attachment]()
    count = read = 0
    reached, is_whole = "", True
    for one in _all(store):
        count += 1
        size_bytes = store.size_on_disk(one)
        if size_bytes is None:
            if _is_there(store, one):
                missing.append(one)
        elif size_bytes != one.size_bytes:
            spoiled.append(one)
        elif one.id > after:
            if not in_time():
                is_whole = False
                continue
            read, reached = read + 1, one.id
            if not _is_same(store, one):
                spoiled.append(one)
    return Examined(count, read, tuple(missing), tuple(spoiled), "" if is_whole else reached)


def _all(store: AttachmentStore) -> Iterator[Attachment]:
    after = ""
    while page := store.page(after, _PAGE):
        yield from page
        after = page[-1].id


def _is_there(store: AttachmentStore, one: Attachment) -> bool:
    """False: it was removed since its row was read."""
    try:
        store.attachment(one.owner, one.id)
    except UnknownAttachment:
        return False
    return True


def _is_same(store: AttachmentStore, one: Attachment) -> bool:
    try:
        store.open(one).close()
    except SpoiledAttachment:
        return not _is_there(store, one)
    return True


class Upkeep:
    """Of one installation, step by step. For one thread at a time; `found` may be read from any."""

    def __init__(
        self,
        store: AttachmentStore,
        closed_at: Callable[[Owner], int | None],
        keep_ms: int,
        now: Callable[[], int | None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`closed_at`: when the owner was closed, wall clock in ms; None: it is open, so that its files stay.

        `keep_ms`: 0: they stay as long as their owner. `now`: the clock by which they grow old; None: it is not known.
        """
        self._store, self._closed_at, self._keep_ms = store, closed_at, keep_ms
        self._now, self._monotonic = now, monotonic
        self._spoiled: dict[str, Attachment] = {}
        self.found = Examined()

    def step(self) -> None:
        """Sweep, remove what is past its time, look at the files. Raises DatabaseError, NoRoom."""
        if swept := self._store.sweep():
            _log.info("attachments: %d files without a row were swept: a process ended while it kept or removed", swept)
        self._expire()
        ends = self._monotonic() + LOOKS_S
        after = self.found.reached
        found = examine(self._store, lambda: self._monotonic() < ends, after)
        end = found.reached or "g"  # ids are hex digits
        kept = {
            id_: one for id_, one in self._spoiled.items() if not after < id_ <= end and _is_there(self._store, one)
        }
        self._spoiled = kept | {one.id: one for one in found.spoiled}
        self.found = found._replace(spoiled=tuple(self._spoiled.values()))
        if self.found.trouble:
            _log.error(
                "attachments: files are not what was attached: %s: restore them from a backup", self.found.trouble
            )

    def _expire(self) -> None:
        now = self._now()
        if not self._keep_ms or now is None:
            return
        for one in list(_all(self._store)):
            closed_at = self._closed_at(one.owner)
            if closed_at is None or max(closed_at, one.added_at) + self._keep_ms > now:
                continue
            reason = f"kept for {self._keep_ms / 86_400_000:.0f} days after the {one.owner_kind} was closed"
            try:
                self._store.remove(
                    one.owner, one.id, Removal(removed_by=REMOVER, removed_at=now, removed_reason=reason)
                )
            except UnknownAttachment:
                continue
            _log.info("attachments: %s of %s %s removed: %s", one.id, one.owner_kind, one.owner_id, reason)
