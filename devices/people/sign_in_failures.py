"""Lock-out: after a few wrong passwords in a row it takes ever longer until another one is looked at.

Failures are counted by name and place, so that a stranger locks himself out and not the person. Many places at once are
bounded by a count of the name alone. That one does not concern places from which the person has signed in lately, nor
a browser in which the person is signed in.

Names without an account are counted and locked alike, so that an answer does not tell which names exist.
"""

from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from devices.people.model import PeopleError
from devices.people.tables import known_place
from devices.people.tables import sign_in_failure as table

MAX_FAILURES: Final = 5
"""In a row, at one place. GB/T 22239-2019 asks for a limit without a number; five are usual."""
MAX_OF_NAME: Final = 25
"""In a row, at all places that the person has not signed in from. NIST SP 800-63B allows 100."""
FIRST_LOCK_MS: Final = 60_000
LONGEST_LOCK_MS: Final = 15 * 60_000
"""Each failure after a lock doubles it up to this: then some 100 guesses a day are left."""
FORGOTTEN_AFTER_MS: Final = 24 * 3_600_000
"""A name and place that nobody tried for so long begin anew."""
KNOWN_FOR_MS: Final = 90 * 24 * 3_600_000
"""A place is the person's own for so long after signing in there."""
MAX_KNOWN: Final = 20
"""Places of one person, the newest."""
_ANYWHERE: Final = "*"
"""Stands for all places in the count of the name alone."""
_IPV6_SITE: Final = 64
"""Bits of the network that one site has: a stranger has 2^64 addresses in it."""


class LockedOut(PeopleError):
    """Too many wrong passwords: try again later."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many wrong passwords: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


def place_of(address: str) -> str:
    """Where a request comes from: an IPv4 address, the /64 network of an IPv6 address, or the text as it is."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:64]
    if not isinstance(found, IPv6Address):
        return str(found)
    mapped = found.ipv4_mapped
    return str(mapped) if mapped else str(IPv6Network((int(found), _IPV6_SITE), strict=False))


def begin_attempt(connection: Connection, name: str, place: str, now: int, *, is_own: bool = False) -> None:
    """Count an attempt as failed before its password is looked at, so that attempts at once count as well.

    `is_own`: the place is the person's own for another reason than having signed in there. Raises LockedOut; an
    attempt that is refused so does not count, since its transaction is rolled back.
    """
    connection.execute(delete(table).where(table.c.last_at <= now - FORGOTTEN_AFTER_MS))
    _count(connection, name, place, now, MAX_FAILURES)
    if not is_own and not _is_known(connection, name, place, now):
        _count(connection, name, _ANYWHERE, now, MAX_OF_NAME)


def succeed(connection: Connection, name: str, place: str, now: int, *, is_own: bool = False) -> None:
    """Forget the failures there: the password was right. Those of strangers elsewhere stay counted."""
    counts = {place} if is_own or _is_known(connection, name, place, now) else {place, _ANYWHERE}
    connection.execute(delete(table).where(table.c.name == name, table.c.place.in_(counts)))
    if not is_own:
        _remember(connection, name, place, now)


def unlock(connection: Connection, name: str) -> None:
    """Forget all failures of a name."""
    connection.execute(delete(table).where(table.c.name == name))


def _count(connection: Connection, name: str, place: str, now: int, allowed: int) -> None:
    here = (table.c.name == name) & (table.c.place == place)
    none_yet = {"name": name, "place": place, "attempts": 0, "last_at": now}
    connection.execute(_insert(connection, table).values(none_yet).on_conflict_do_nothing())
    counted = update(table).where(here).values(attempts=table.c.attempts + 1)
    connection.execute(counted)  # before it is read: attempts at the same time wait here
    row = connection.execute(select(table).where(here)).mappings().one()
    if row["locked_until"] is not None and row["locked_until"] > now:
        raise LockedOut(-(-(row["locked_until"] - now) // 1000))
    beyond = row["attempts"] - allowed
    lock_ms = 0 if beyond < 0 else min(FIRST_LOCK_MS << min(beyond, 10), LONGEST_LOCK_MS)
    values = {"last_at": now, "locked_until": now + lock_ms if lock_ms else None}
    connection.execute(update(table).where(here).values(values))


def _is_known(connection: Connection, name: str, place: str, now: int) -> bool:
    here = (known_place.c.person == name) & (known_place.c.place == place)
    query = select(known_place.c.place).where(here, known_place.c.last_at > now - KNOWN_FOR_MS)
    return connection.execute(query).first() is not None


def _remember(connection: Connection, name: str, place: str, now: int) -> None:
    new = _insert(connection, known_place).values(person=name, place=place, last_at=now)
    connection.execute(new.on_conflict_do_update(index_elements=["person", "place"], set_={"last_at": now}))
    newest = (
        select(known_place.c.place)
        .where(known_place.c.person == name)
        .order_by(known_place.c.last_at.desc())
        .limit(MAX_KNOWN)
    )
    others = (known_place.c.person == name) & known_place.c.place.not_in(newest)
    connection.execute(delete(known_place).where(others))


def _insert(connection: Connection, into: Any) -> Any:
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    return dialect.insert(into)
