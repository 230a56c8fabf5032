"""Attachments as somebody may see them who may not see the whole city: those of owners that he may see."""

from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from api.attachment_ports import Attachments
from rules.attachments.files import Incoming
from rules.attachments.model import Attachment, Limits, Owner, OwnerKind, Removal, UnknownAttachment
from rules.attachments.store import Added


class NarrowedAttachments:
    """Attachments of owners that may be seen; of a kind that is not named none is."""

    def __init__(self, attachments: Attachments, sees: Mapping[OwnerKind, Callable[[str], bool]]) -> None:
        self._attachments, self._sees = attachments, sees

    @property
    def limits(self) -> Limits:
        return self._attachments.limits

    def receive(self, owner: Owner) -> Incoming:
        self._check(owner)
        return self._attachments.receive(owner)

    def add(
        self, owner: Owner, name: str, incoming: Incoming, added_by: str, added_at: int, *, of_anybody: bool = False
    ) -> Added:
        self._check(owner)
        return self._attachments.add(owner, name, incoming, added_by, added_at, of_anybody=of_anybody)

    def attachments(self, owner: Owner) -> Sequence[Attachment]:
        self._check(owner)
        return self._attachments.attachments(owner)

    def attachment(self, owner: Owner, attachment_id: str) -> Attachment:
        self._check(owner)
        return self._attachments.attachment(owner, attachment_id)

    def open(self, one: Attachment) -> BinaryIO:
        self._check(one.owner)
        return self._attachments.open(one)

    def thumbnail(self, one: Attachment) -> bytes | None:
        self._check(one.owner)
        return self._attachments.thumbnail(one)

    def remove(self, owner: Owner, attachment_id: str, removal: Removal) -> Attachment:
        self._check(owner)
        return self._attachments.remove(owner, attachment_id, removal)

    def _check(self, owner: Owner) -> None:
        """Raises UnknownAttachment."""
        sees = self._sees.get(owner.kind)
        if sees is None or not sees(owner.id):
            raise UnknownAttachment(f"no {owner.kind} {owner.id} that you may see")
