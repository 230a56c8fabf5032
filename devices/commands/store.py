"""The command store: every command ever issued, with its state. Its table is in the registry's database.

API and command line issue commands and list them. One process (`ingest.commands.dispatcher`) sends them and records
what was sent and answered. Nothing is deleted.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, case, or_, select, update

from devices.commands.model import GRACE_MS, Acknowledgement, Command, CommandKind, CommandOutcome, next_due_ms
from devices.db.database import open_database, transaction
from devices.db.tables import device_command as table
from devices.db.tables import login
from devices.errors import OperatorError

_CURSOR: Final = re.compile(r"([0-9]{1,15})-([0-9a-f]{16})")


class BadCursor(Exception):
    """The text is no cursor of this store."""


class LockedOut(OperatorError):
    """The device may not connect to the broker, so it cannot receive a command."""


class CommandPage(NamedTuple):
    """A page of commands, newest first."""

    items: list[Command]
    next_cursor: str | None


class CommandAnswer(NamedTuple):
    """An acknowledgement, and the device that the topic names as its sender."""

    device_id: str
    acknowledgement: Acknowledgement


class CommandStore:
    """The commands of one database; the tables must exist. Every method raises DatabaseError. Wall clock, ms."""

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def close(self) -> None:
        self._engine.dispose()

    def issue(self, command: Command) -> None:
        """Store a new command; the dispatcher sends it as soon as it sees it. Raises LockedOut."""
        values = command.model_dump(mode="json", exclude={"state"}) | {"due_at": command.issued_at}
        is_off = select(login.c.device_id).where(login.c.device_id == command.device_id, login.c.enabled.is_(False))
        with transaction(self._engine) as connection:
            locked_out = connection.execute(is_off).first() is not None
            if not locked_out:
                connection.execute(table.insert().values(values))
        if locked_out:
            hint = f"`haulwatch device enable {command.device_id}` lets it connect again"
            raise LockedOut(f"{command.device_id} is locked out of the broker: {hint}")

    def command(self, command_id: str) -> Command | None:
        with transaction(self._engine) as connection:
            row = connection.execute(select(table).where(table.c.id == command_id)).mappings().one_or_none()
        return None if row is None else _command(row)

    def commands(self, device_id: str | None = None, *, limit: int, before: str | None = None) -> CommandPage:
        """List commands of one device or of all, newest first. Raises BadCursor."""
        query = select(table).order_by(table.c.issued_at.desc(), table.c.id.desc()).limit(limit + 1)
        if device_id is not None:
            query = query.where(table.c.device_id == device_id)
        if before is not None:
            query = query.where(_before(before))
        with transaction(self._engine) as connection:
            commands = [_command(row) for row in connection.execute(query).mappings()]
        last = commands[limit - 1] if len(commands) > limit else None
        return CommandPage(commands[:limit], None if last is None else f"{last.issued_at}-{last.id}")

    def due(self, now_ms: int, limit: int) -> list[Command]:
        """List unanswered commands to send or to give up now; those that end first come first."""
        is_alive, is_over = table.c.expires_at > now_ms, table.c.expires_at <= now_ms - GRACE_MS
        query = select(table).where(table.c.due_at <= now_ms, or_(is_alive, is_over))
        with transaction(self._engine) as connection:
            rows = connection.execute(query.order_by(table.c.expires_at, table.c.id).limit(limit)).mappings()
            return [_command(row) for row in rows]

    def sent(self, command: Command, now_ms: int) -> None:
        """Record that the broker accepted a copy of a command that `due` returned."""
        due_at = next_due_ms(now_ms, command.sends + 1, command.expires_at)
        values = {
            "sent_at": now_ms,
            "sends": command.sends + 1,
            "due_at": case((table.c.outcome.is_(None), due_at)),
        }
        with transaction(self._engine) as connection:
            connection.execute(update(table).where(table.c.id == command.id).values(values))

    def answered(self, answers: Iterable[CommandAnswer], now_ms: int) -> list[CommandAnswer]:
        """Record answers of devices; the first answer to a command counts. Returns those that belong to no command.

        An answer that arrives after its command was given up still counts: the device knows better.
        """
        with transaction(self._engine) as connection:
            return [answer for answer in answers if not _record(connection, answer, now_ms)]

    def give_up(self, now_ms: int) -> int:
        """Mark as expired each command that is unanswered after its end and the grace period. Returns how many."""
        unanswered = and_(table.c.due_at.is_not(None), table.c.expires_at <= now_ms - GRACE_MS)
        values = {"outcome": str(CommandOutcome.EXPIRED), "recorded_at": now_ms, "due_at": None}
        with transaction(self._engine) as connection:
            return connection.execute(update(table).where(unanswered).values(values)).rowcount


def _record(connection: Connection, answer: CommandAnswer, now_ms: int) -> bool:
    """Record one answer. Returns whether the device has such a command."""
    acknowledgement = answer.acknowledgement
    of_device = and_(table.c.id == acknowledgement.id, table.c.device_id == answer.device_id)
    values = {
        "outcome": str(acknowledgement.outcome),
        "outcome_at": acknowledgement.at,
        "outcome_detail": acknowledgement.detail or None,
        "recorded_at": now_ms,
        "due_at": None,
    }
    first = update(table).where(of_device, table.c.outcome_at.is_(None)).values(values)
    if connection.execute(first).rowcount:
        return True
    return connection.execute(select(table.c.id).where(of_device)).first() is not None


def _command(row: RowMapping) -> Command:
    values = {name: value for name, value in row.items() if name != "due_at"}
    outcome = row["outcome"] and CommandOutcome(row["outcome"])
    return Command.model_validate(values | {"kind": CommandKind(row["kind"]), "outcome": outcome})


def _before(cursor: str) -> ColumnElement[bool]:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise BadCursor(f"{cursor!r} is not a cursor of this list")
    issued_at, last_id = int(match[1]), match[2]
    return or_(table.c.issued_at < issued_at, and_(table.c.issued_at == issued_at, table.c.id < last_id))
