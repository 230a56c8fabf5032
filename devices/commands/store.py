"""The book of commands: every command ever issued and what became of it. Beside the registry, in its database.

API and command line write commands into it and read them; one process (`ingest.commands.dispatcher`) sends them, and
notes
what was sent and answered. Nothing is taken out.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, or_, select, update

from devices.commands.model import GRACE_MS, Acknowledgement, Command, CommandKind, CommandOutcome, next_look_ms
from devices.db.database import open_database, transaction
from devices.db.tables import device_command as table
from devices.db.tables import login
from devices.errors import OperatorError

_CURSOR: Final = re.compile(r"([0-9]{1,15})-([0-9a-f]{16})")


class BadCursor(Exception):
    """Not a cursor this book gave out."""


class LockedOut(OperatorError):
    """The device may not connect to the broker, which would hand it nothing: says so, and the mend."""


class CommandPage(NamedTuple):
    """A page of commands, newest first."""

    items: list[Command]
    next_cursor: str | None


class CommandAnswer(NamedTuple):
    """An acknowledgement, and the device that gave it by the topic it came on."""

    device_id: str
    acknowledgement: Acknowledgement


class CommandStore:
    """The commands of one database; the tables must exist. Every method raises DatabaseError. Wall clock, ms."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def close(self) -> None:
        self._engine.dispose()

    def issue(self, command: Command) -> None:
        """Write a new command down; it is sent as soon as a commander sees it. Raises LockedOut."""
        values = command.model_dump(mode="json", exclude={"state"}) | {"due_at": command.issued_at}
        is_off = select(login).where(login.c.device_id == command.device_id, login.c.enabled.is_(False))
        with transaction(self._engine) as connection:
            locked_out = connection.execute(is_off).first() is not None
            if not locked_out:
                connection.execute(table.insert().values(values))
        if locked_out:
            mend = f"`haulwatch device enable {command.device_id}` lets it in again"
            raise LockedOut(f"{command.device_id} is locked out of the broker: {mend}")

    def command(self, command_id: str) -> Command | None:
        with transaction(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.id == command_id)).mappings().one_or_none()
        return None if row is None else _command(row)

    def commands(self, device_id: str | None = None, *, limit: int, before: str | None = None) -> CommandPage:
        """Newest first, of one device or all. Raises BadCursor."""
        query = select(table).order_by(table.c.issued_at.desc(), table.c.id.desc()).limit(limit + 1)
        if device_id is not None:
            query = query.where(table.c.device_id == device_id)
        if before is not None:
            query = query.where(_before(before))
        with transaction(self._engine) as connection:
            found = [_command(row) for row in connection.execute(query).mappings()]
        last = found[limit - 1] if len(found) > limit else None
        return CommandPage(found[:limit], None if last is None else f"{last.issued_at}-{last.id}")

    def due(self, now_ms: int, limit: int) -> list[Command]:
        """Unanswered commands that are to be sent now, or to be given up; those that end first come first."""
        is_alive, is_over = table.c.expires_at > now_ms, table.c.expires_at <= now_ms - GRACE_MS
        query = select(table).where(table.c.due_at <= now_ms, or_(is_alive, is_over))
        with transaction(self._engine) as connection:
            rows = connection.execute(query.order_by(table.c.expires_at, table.c.id).limit(limit)).mappings()
            return [_command(row) for row in rows]

    def sent(self, command: Command, now_ms: int) -> None:
        """Note that the broker took a copy of a command as `due` gave it."""
        due_at = next_look_ms(now_ms, command.sends + 1, command.expires_at)
        values = {
            "sent_at": now_ms,
            "sends": command.sends + 1,
            "due_at": case((table.c.outcome.is_(None), due_at)),
        }
        with transaction(self._engine) as connection:
            connection.execute(update(table).where(table.c.id == command.id).values(values))

    def answered(self, answers: Iterable[CommandAnswer], now_ms: int) -> list[CommandAnswer]:
        """Note what devices say, each answer once: a command's first one stands. Returns those that fit no command.

        An answer that comes after its command was given up still counts: the device knows better.
        """
        with transaction(self._engine) as connection:
            return [answer for answer in answers if not _note(connection, answer, now_ms)]

    def give_up(self, now_ms: int) -> int:
        """Note as expired what nobody has answered until long after its end; how many that were."""
        unanswered = and_(table.c.due_at.is_not(None), table.c.expires_at <= now_ms - GRACE_MS)
        values = {"outcome": str(CommandOutcome.EXPIRED), "recorded_at": now_ms, "due_at": None}
        with transaction(self._engine) as connection:
            return connection.execute(update(table).where(unanswered).values(values)).rowcount


def _note(connection: Connection, answer: CommandAnswer, now_ms: int) -> bool:
    """Whether there is such a command of that device."""
    said = answer.acknowledgement
    of_device = and_(table.c.id == said.id, table.c.device_id == answer.device_id)
    values = {
        "outcome": str(said.outcome),
        "outcome_at": said.at,
        "outcome_detail": said.detail or None,
        "recorded_at": now_ms,
        "due_at": None,
    }
    first = update(table).where(of_device, table.c.outcome_at.is_(None)).values(values)
    if connection.execute(first).rowcount:
        return True
    return connection.execute(select(table.c.id).where(of_device)).first() is not None


def _command(row: RowMapping) -> Command:
    said = {name: value for name, value in row.items() if name != "due_at"}
    outcome = row["outcome"] and CommandOutcome(row["outcome"])
    return Command.model_validate(said | {"kind": CommandKind(row["kind"]), "outcome": outcome})


def _before(cursor: str) -> ColumnElement[bool]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise BadCursor(f"{cursor!r} is not a cursor of this book")
    issued_at, last_id = int(found[1]), found[2]
    return or_(table.c.issued_at < issued_at, and_(table.c.issued_at == issued_at, table.c.id < last_id))
