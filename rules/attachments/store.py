"""Attachments: files in the data directory, rows in the registry's database, and what keeps both in step.

receive → look at the content → (lock) check the limits → keep the file → insert the row
remove  → (lock) mark the row → remove the file, unless another attachment has the same bytes
"""

import secrets
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from threading import BoundedSemaphore
from typing import Any, BinaryIO, Final, NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select, update

from devices.db.database import transaction
from rules.attachments.files import AttachmentFiles, Incoming
from rules.attachments.inspection import OF_ANYBODY, OF_STAFF, Bounds, Inspected, Unfit
from rules.attachments.inspection_process import inspect_apart
from rules.attachments.model import (
    Attachment,
    AttachmentRefused,
    Limits,
    NoRoom,
    Owner,
    Removal,
    SpoiledAttachment,
    UnknownAttachment,
    cleaned_name,
)
from rules.attachments.tables import attachment

_C: Final = attachment.c
AT_ONCE: Final = 2
"""Files that are looked at: each takes a core for a second, and some 100 MB. Who calls from a pool of threads waits
for a turn before (`api.attachments.turns`)."""
_MAX_REMOVED: Final = 200
"""Of one owner, shown: the newest."""


class Added(NamedTuple):
    """What became of an upload."""

    attachment: Attachment
    is_new: bool
    """False: the owner has the same file already, as after an answer that was lost."""


class AttachmentStore:
    """All attachments of an installation. Any thread. Every method raises DatabaseError, and NoRoom where it writes."""

    def __init__(
        self,
        engine: Engine,
        files: AttachmentFiles,
        limits: Limits,
        has_room: Callable[[], bool] = lambda: True,
        inspect: Callable[[BinaryIO, Bounds], Inspected] = inspect_apart,
    ) -> None:
        """`has_room`: whether the disk has more free than its reserve."""
        self._engine, self._files, self.limits = engine, files, limits
        self._has_room, self._inspect = has_room, inspect
        self._looking = BoundedSemaphore(AT_ONCE)

    def close(self) -> None:
        self._engine.dispose()

    def receive(self, owner: Owner) -> Incoming:
        """A file to write to, once the limits leave room for one. The caller ends with `discard`, also after `add`.

        Raises AttachmentRefused, NoRoom.
        """
        with transaction(self._engine) as connection:
            self._check_room(connection, owner, 0)
        return self._files.receive(self.limits.file_bytes)

    def add(
        self, owner: Owner, name: str, incoming: Incoming, added_by: str, added_at: int, *, of_anybody: bool = False
    ) -> Added:
        """Keep what was received; durable on return. `of_anybody`: bounded as what nobody answers for.

        Raises AttachmentRefused, NoRoom.
        """
        inspected = self._inspected(incoming, OF_ANYBODY if of_anybody else OF_STAFF)
        new = Attachment(
            id=secrets.token_hex(8),
            owner_kind=owner.kind,
            owner_id=owner.id,
            name=cleaned_name(name, inspected.media_type),
            media_type=inspected.media_type,
            size_bytes=incoming.size_bytes,
            sha256=incoming.sha256,
            width=inspected.width,
            height=inspected.height,
            claims=inspected.claims,
            added_by=added_by,
            added_at=added_at,
        )
        with self._files.locked():
            with transaction(self._engine) as connection:
                same = _of(owner) & _THERE & (_C.sha256 == new.sha256)
                found = _read(connection, same)
                if not found:
                    self._check_room(connection, owner, new.size_bytes)
            self._files.keep(incoming)  # also in place of one that was spoiled
            if found:
                return Added(found[0], is_new=False)
            with transaction(self._engine) as connection:
                connection.execute(insert(attachment).values(new.model_dump(mode="json")))
        if inspected.thumbnail is not None:
            self._files.keep_thumbnail(new.sha256, b64decode(inspected.thumbnail))
        return Added(new, is_new=True)

    def put(self, owner: Owner, name: str, chunks: Iterable[bytes], added_by: str, added_at: int) -> Added:
        """Receive and add in one call. Raises AttachmentRefused, NoRoom."""
        incoming = self.receive(owner)
        try:
            for chunk in chunks:
                incoming.write(chunk)
            return self.add(owner, name, incoming, added_by, added_at)
        finally:
            incoming.discard()

    def attachments(self, owner: Owner) -> Sequence[Attachment]:
        """Those of an owner, oldest first; the removed ones are among them, without their bytes."""
        with transaction(self._engine) as connection:
            found = _read(connection, _of(owner))
        removed = [one for one in found if one.is_removed]
        hidden = {one.id for one in removed[:-_MAX_REMOVED]}
        return [one for one in found if one.id not in hidden]

    def attachment(self, owner: Owner, attachment_id: str) -> Attachment:
        """One whose bytes are there. Raises UnknownAttachment."""
        with transaction(self._engine) as connection:
            found = _read(connection, _of(owner) & (_C.id == attachment_id) & _THERE)
        if not found:
            raise UnknownAttachment(f"{owner.kind} {owner.id} has no attachment {attachment_id!r}")
        return found[0]

    def open(self, one: Attachment) -> BinaryIO:
        """Its bytes, as they were attached. The caller closes it. Raises SpoiledAttachment."""
        return self._files.open(one.sha256, one.name)

    def thumbnail(self, one: Attachment) -> bytes | None:
        """A small JPEG without metadata; None of a document. Raises SpoiledAttachment."""
        if one.width is None:
            return None
        kept = self._files.thumbnail(one.sha256)
        if kept is not None:
            return kept
        try:
            with self.open(one) as file, self._looking:
                made = self._inspect(file, OF_STAFF).thumbnail
        except Unfit as exc:
            raise SpoiledAttachment(one.name, f"cannot be shown: it {exc}") from exc
        if made is None:
            return None
        content = b64decode(made)
        self._files.keep_thumbnail(one.sha256, content)
        return content

    def remove(self, owner: Owner, attachment_id: str, removal: Removal) -> Attachment:
        """Remove the bytes; the row stays, with who removed them and why. Raises UnknownAttachment."""
        with self._files.locked():
            one = self.attachment(owner, attachment_id)
            values = removal.model_dump() | {"claims": None}
            with transaction(self._engine) as connection:
                connection.execute(update(attachment).where(_C.id == one.id).values(values))
                others = _count(connection, (_C.sha256 == one.sha256) & _THERE)
            if not others:
                self._files.remove(one.sha256)
        return one.model_copy(update=values)

    def sweep(self) -> int:
        """Remove what processes left that died between file and row. Returns how many files."""
        with self._files.locked():
            with transaction(self._engine) as connection:
                rows = connection.execute(select(_C.sha256, _C.removed_at).distinct()).all()
            present = {row.sha256 for row in rows if row.removed_at is None}
            return self._files.sweep(present, {row.sha256 for row in rows} - present)

    def page(self, after: str, limit: int) -> Sequence[Attachment]:
        """Those whose bytes are there, in the order of their ids, after one of them."""
        with transaction(self._engine) as connection:
            query = select(attachment).where(_THERE, _C.id > after).order_by(_C.id).limit(limit)
            return [_attachment(row) for row in connection.execute(query).mappings()]

    def size_on_disk(self, one: Attachment) -> int | None:
        """Bytes of its file; None: it is missing."""
        return self._files.size_of(one.sha256)

    def _inspected(self, incoming: Incoming, bounds: Bounds) -> Inspected:
        try:
            with self._looking:
                return self._inspect(incoming.reader(), bounds)
        except Unfit as exc:
            raise AttachmentRefused("body", str(exc)) from exc

    def _check_room(self, connection: Connection, owner: Owner, size_bytes: int) -> None:
        """Raises AttachmentRefused, NoRoom."""
        if not self._has_room():
            raise NoRoom("the disk has no more free than its reserve: an administrator frees disk space")
        files, used = _sum(connection, _of(owner) & _THERE)
        if files >= self.limits.owner_files:
            raise AttachmentRefused(
                "body", f"{owner.kind} {owner.id} has {files} files, the most there may be: remove one first"
            )
        if used + size_bytes > self.limits.owner_bytes:
            most = self.limits.owner_bytes >> 20
            raise AttachmentRefused(
                "body", f"all files of one {owner.kind} may have {most} MiB, {used >> 20} are there: shrink it"
            )
        if _sum(connection, _THERE)[1] + size_bytes > self.limits.all_bytes:
            raise NoRoom("all attachments together are as large as they may be: raise HAULWATCH_ATTACHMENTS_MIB")


_THERE: Final = _C.removed_at.is_(None)


def _of(owner: Owner) -> Any:
    return (_C.owner_kind == owner.kind) & (_C.owner_id == owner.id)


def _read(connection: Connection, where: Any) -> list[Attachment]:
    query = select(attachment).where(where).order_by(_C.added_at, _C.id)
    return [_attachment(row) for row in connection.execute(query).mappings()]


def _attachment(row: Any) -> Attachment:
    return Attachment.model_validate(dict(row))


def _count(connection: Connection, where: Any) -> int:
    return _sum(connection, where)[0]


def _sum(connection: Connection, where: Any) -> tuple[int, int]:
    """Number of attachments and of their bytes."""
    query = select(func.count(), func.coalesce(func.sum(_C.size_bytes), 0)).where(where)
    files, size_bytes = connection.execute(query).one()
    return int(files), int(size_bytes)
