"""Who changed what of the registry: each field that differs, before and after. Added to in the transaction of the
change itself, never changed.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from devices.city.files.difference import Deed, EntryChange
from devices.db.tables import registry_change


class Author(NamedTuple):
    """Who changes something, when and why."""

    actor: str
    """A person, a machine or a user of the machine, as the audit trail names them."""
    at: int
    """Wall clock, ms."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RegistryChange:
    """One change of one version of an entry."""

    no: int
    at: int
    actor: str
    kind: str
    """Stem of the file that the entry stands in: `sites`, `vehicles`."""
    entry_id: str
    version: int
    revision: int
    """Of the registry, after the change."""
    reason: str
    before: dict[str, Any] | None
    """The fields that differ, as files hold them; None: it was added."""
    after: dict[str, Any] | None


def note_changes(connection: Connection, changes: Sequence[EntryChange], author: Author, revision: int) -> None:
    """Add what changed. What the files of an import leave out stays as it is and is no change."""
    rows = [asdict(_row(change, author, revision)) for change in changes if change.deed is not Deed.LEFT_OUT]
    for row in rows:
        del row["no"]
    if rows:
        connection.execute(insert(registry_change), rows)


def changes_of(
    connection: Connection, kind: str | None, entry_id: str | None, *, limit: int, before: int | None = None
) -> list[RegistryChange]:
    """Changes, newest first; those with a number below `before`. `kind`, `entry_id`: only of these."""
    query = select(registry_change).order_by(registry_change.c.no.desc()).limit(limit)
    if kind is not None:
        query = query.where(registry_change.c.kind == kind)
    if entry_id is not None:
        query = query.where(registry_change.c.entry_id == entry_id)
    if before is not None:
        query = query.where(registry_change.c.no < before)
    return [RegistryChange(**row) for row in connection.execute(query).mappings()]


def _row(change: EntryChange, author: Author, revision: int) -> RegistryChange:
    added = change.deed is Deed.ADDED
    return RegistryChange(
        no=0,
        at=author.at,
        actor=author.actor,
        kind=change.file,
        entry_id=change.id,
        version=change.version,
        revision=revision,
        reason=author.reason,
        before=None if added else {one.field: one.before for one in change.fields},
        after=dict(change.entry) if added else {one.field: one.after for one in change.fields},
    )
