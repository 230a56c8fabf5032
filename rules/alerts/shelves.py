"""Shelves: a person keeps alerts from calling people for a while, for a stated reason.

Shelving is that of ISA-18.2 and IEC 62682 (management of alarm systems): an operator suppresses an alarm, which comes
back by itself at a set time. What is shelved is judged, journaled and listed as ever; only its publication waits.

ShelfRefused    the request cannot stand; names the field and what to do
UnknownShelf    no shelf has this number
"""

from collections.abc import Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, update

from devices.db.database import transaction
from devices.errors import OperatorError
from rules.alerts.actions import AlertView, learned_too_late
from rules.alerts.model import Severity
from rules.alerts.tables import shelf

MAX_SHELVED_MS: Final = 7 * 24 * 3_600_000
"""What is out of order for longer wants a repair, or another rule set. Sites that follow IEC 62682 review their shelves
each shift; a week spans a workshop's appointment and a holiday."""
MAX_REASON: Final = 500
"""Characters."""


class ShelfRefused(OperatorError):
    """A shelf that cannot stand."""

    def __init__(self, field: str, hint: str) -> None:
        super().__init__(f"{field}: {hint}")
        self.field, self.hint = field, hint


class UnknownShelf(OperatorError):
    """No shelf has this number."""


class NewShelf(BaseModel):
    """What a person asks for."""

    model_config = ConfigDict(frozen=True)

    rule: str | None
    """None: every rule."""
    subject: str | None
    """The device; None: every one, and then alerts of severity P1 are not shelved."""
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]
    shelved_by: Annotated[str, Field(min_length=1, max_length=64)]
    shelved_at: int
    """Wall clock, ms since 1970 UTC, as all times of shelves: people do not act in device time."""
    until: int

    def check(self) -> None:
        """Raise ShelfRefused if it covers everything, or stands never or for too long."""
        if self.rule is None and self.subject is None:
            raise ShelfRefused("rule", "give a rule, a subject, or both: a shelf for everything would hide every fault")
        if self.until <= self.shelved_at:
            raise ShelfRefused("until", "give a time to come")
        if self.until > self.shelved_at + MAX_SHELVED_MS:
            raise ShelfRefused("until", "give a time within 7 days; what takes longer is shelved again")


class Shelf(NewShelf):
    """A shelf as it was kept."""

    no: int
    ended_by: str | None = None
    """The person who ended it early."""
    ended_at: int | None = None

    def stands_at(self, instant: int) -> bool:
        return instant < (self.until if self.ended_at is None else self.ended_at)

    def covers(self, rule: str, subject: str, severity: Severity) -> bool:
        """True for alerts that it shelves. P1 means that somebody must act now: only a shelf that names the device
        covers it.
        """
        if self.subject is None and severity is Severity.P1:
            return False
        return self.rule in {None, rule} and self.subject in {None, subject}


def shelved_until(shelves: Sequence[Shelf], alert: AlertView) -> int | None:
    """When the last of these shelves that cover an open alert ends; None: it is not shelved."""
    if not alert.open:
        return None
    found = (shelf.until for shelf in shelves if shelf.covers(alert.rule, alert.subject, alert.severity))
    return max(found, default=None)


def as_called(alerts: Sequence[AlertView], shelves: Sequence[Shelf], call_within_ms: int) -> list[AlertView]:
    """Alerts marked with why they call nobody: shelved by one of the shelves that stand, or learned of so late."""
    return [
        alert.model_copy(
            update={
                "shelved_until": shelved_until(shelves, alert),
                "listed_only": alert.learned_at is not None and learned_too_late(alert, call_within_ms),
            }
        )
        for alert in alerts
    ]


class ShelfStore:
    """All shelves. Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()

    def add(self, new: NewShelf) -> Shelf:
        """Let it stand. Raises ShelfRefused."""
        new.check()
        with transaction(self._engine) as connection:
            number = connection.execute(insert(shelf).values(new.model_dump()).returning(shelf.c.no)).scalar_one()
        return Shelf(no=number, **new.model_dump())

    def end(self, number: int, ended_by: str, ended_at: int) -> Shelf:
        """End a shelf early. One that is over stays as it is. Raises UnknownShelf."""
        standing = (shelf.c.no == number) & shelf.c.ended_at.is_(None) & (shelf.c.until > ended_at)
        with transaction(self._engine) as connection:
            connection.execute(update(shelf).where(standing).values(ended_by=ended_by, ended_at=ended_at))
            found = _read(connection, shelf.c.no == number, 1)
        if not found:
            raise UnknownShelf(f"no shelf {number}: `haulwatch alerts shelves` lists them")
        return found[0]

    def standing_after(self, instant: int) -> list[Shelf]:
        """Those whose end lies after `instant`, oldest first; with the present instant, those that stand."""
        end = func.coalesce(shelf.c.ended_at, shelf.c.until)
        with transaction(self._engine) as connection:
            return _read(connection, end > instant)[::-1]

    def newest(self, limit: int) -> list[Shelf]:
        """The newest shelves, also those that are over, newest first."""
        with transaction(self._engine) as connection:
            return _read(connection, shelf.c.no > 0, limit)


def _read(connection: Connection, where: ColumnElement[bool], limit: int | None = None) -> list[Shelf]:
    query = select(shelf).where(where).order_by(shelf.c.no.desc()).limit(limit)
    return [Shelf.model_validate(dict(row)) for row in connection.execute(query).mappings()]
