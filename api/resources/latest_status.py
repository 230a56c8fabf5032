"""The latest status of a device: which of its newest statuses holds now."""

from collections.abc import Iterable
from typing import Final

from ingest.store import Row

_WILL: Final = "will"


def latest_status(rows: Iterable[Row]) -> Row | None:
    """Of the newest row of each series of statuses, the one that holds; None if there is none.

    A last will ends the session that it names, however old it is: the device wrote it when it connected, before or at
    its birth. The will of an earlier session ends nothing. Any other status holds if no later one was measured; what
    ends a session holds against what was measured at the same time.
    """
    found = sorted(rows, key=lambda row: (_session(row), row.ts, row.fields.get("online") is False))
    others = sorted((row for row in found if not _is_will(row)), key=lambda row: (row.ts, row.part != ""))
    newest = others[-1] if others else None
    for will in (row for row in reversed(found) if _is_will(row)):
        if newest is None or _ends(will, newest):
            return will
    return newest


def _ends(will: Row, newest: Row) -> bool:
    """A greater session ends what is not newer: a device that counts its sessions from 1 again is not buried."""
    if _session(will) == _session(newest):
        return True
    return _session(will) > _session(newest) and will.ts >= newest.ts


def _is_will(row: Row) -> bool:
    return row.fields.get("cause") == _WILL


def _session(row: Row) -> int:
    session = row.fields.get("session")
    return session if isinstance(session, int) else -1
