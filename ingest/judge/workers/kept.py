"""What a stage keeps in its topic of state, by key: rows of devices, and what belongs to none."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from ingest.log.records import REVISION_TOPICS

POSITION: Final = "$position"
"""The offset of which all rows are, as decimal text."""
SENT: Final = "$sent"
"""The offset up to which verdicts were sent: at or after that of the rows."""
FLEET: Final = "$fleet"
"""The row of what belongs to no device."""
TIMES: Final = "$times"
"""Fleet time, ms, of each partition as the fleet stage knows it."""
JOURNALED: Final = "$journaled"
"""Key of the last alert change that the journal took, as text."""
COMING: Final = "$coming"
"""Revisions that the fleet stage has and that do not hold yet."""
_NO_ROWS: Final = "$"
"""Begins these keys, and no device id."""


class Coming(NamedTuple):
    """A revision that holds from a fleet time on, ms."""

    fleet_time: int
    topic: str
    payload: bytes


_TIMES_DECODER: Final = msgspec.msgpack.Decoder(dict[int, int])
_COMING_DECODER: Final = msgspec.msgpack.Decoder(list[Coming])


class Kept(NamedTuple):
    """What was kept, read back."""

    offset: int
    fleet: bytes
    revisions: Mapping[str, bytes]
    """Payloads of the revisions that hold after `offset`, by topic."""
    rows: Mapping[str, bytes]
    times: Mapping[int, int]
    coming: Sequence[Coming]


def kept_of(found: Mapping[str, bytes]) -> Kept | None:
    """What these values say; None where nothing is kept."""
    if POSITION not in found:
        return None
    return Kept(
        int(found[POSITION]),
        found[FLEET],
        {topic: found[topic] for topic in REVISION_TOPICS if topic in found},
        {key: value for key, value in found.items() if not key.startswith(_NO_ROWS)},
        _TIMES_DECODER.decode(found[TIMES]) if TIMES in found else {},
        _COMING_DECODER.decode(found[COMING]) if COMING in found else (),
    )


def tombstones(found: Iterable[str]) -> dict[str, bytes | None]:
    """What ends each of these keys; that up to which verdicts were sent stays, for they were sent."""
    return {key: None for key in found if key != SENT}


def number(value: int) -> bytes:
    return str(value).encode()


def times(values: Mapping[int, int]) -> bytes:
    return msgspec.msgpack.encode(dict(values))


def coming(revisions: Sequence[Coming]) -> bytes:
    return msgspec.msgpack.encode(list(revisions))
