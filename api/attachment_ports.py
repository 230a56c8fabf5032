"""Port: what the API needs of the store of attachments; a part of `api.ports`."""

from collections.abc import Sequence
from typing import BinaryIO, NoReturn, Protocol

from rules.attachments.files import Incoming
from rules.attachments.model import Attachment, Limits, NoRoom, Owner, Removal, UnknownAttachment
from rules.attachments.store import Added


class Attachments(Protocol):
    """`rules.attachments.store.AttachmentStore`. Synchronous; every method may raise DatabaseError."""

    @property
    def limits(self) -> Limits: ...

    def receive(self, owner: Owner) -> Incoming:
        """A file to write to; the caller discards it at the end, also after `add`. Raises AttachmentRefused, NoRoom."""

    def add(
        self, owner: Owner, name: str, incoming: Incoming, added_by: str, added_at: int, *, of_anybody: bool = False
    ) -> Added:
        """Look at the content, and keep it; durable on return. Raises AttachmentRefused, NoRoom."""

    def attachments(self, owner: Owner) -> Sequence[Attachment]:
        """Those of an owner, oldest first; removed ones are among them."""

    def attachment(self, owner: Owner, attachment_id: str) -> Attachment:
        """Raises UnknownAttachment."""

    def open(self, one: Attachment) -> BinaryIO:
        """Its bytes, checked. The caller closes it. Raises SpoiledAttachment."""

    def thumbnail(self, one: Attachment) -> bytes | None:
        """None of a document. Raises SpoiledAttachment."""

    def remove(self, owner: Owner, attachment_id: str, removal: Removal) -> Attachment:
        """Remove the bytes. Raises UnknownAttachment."""


class NoAttachments:
    """Keeps none: of a server without a place for files."""

    limits = Limits()

    def receive(self, owner: Owner) -> Incoming:
        raise NoRoom("this server keeps no attachments")

    def add(
        self, owner: Owner, name: str, incoming: Incoming, added_by: str, added_at: int, *, of_anybody: bool = False
    ) -> Added:
        raise NoRoom("this server keeps no attachments")

    def attachments(self, owner: Owner) -> Sequence[Attachment]:
        return ()

    def attachment(self, owner: Owner, attachment_id: str) -> Attachment:
        raise UnknownAttachment("this server keeps no attachments")

    def open(self, one: Attachment) -> NoReturn:
        raise UnknownAttachment("this server keeps no attachments")

    def thumbnail(self, one: Attachment) -> bytes | None:
        return None

    def remove(self, owner: Owner, attachment_id: str, removal: Removal) -> Attachment:
        raise UnknownAttachment("this server keeps no attachments")
