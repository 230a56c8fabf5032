"""Revisions of city and rules in the raw log: records that say by what the records after them are judged.

So a reading is judged by the same revision whenever it is read: live, after a crash, or in a replay. Before the first
revision in the log the first one holds; a log of an earlier version has none, and the caller's own city and rules hold.
"""

import logging
from functools import lru_cache
from typing import Final

from devices.city.columns import pack_city, unpack_city
from devices.city.model import City
from ingest.log.ports import LogReader
from ingest.log.raw_log import RawLogCorrupt
from ingest.log.records import CITY_TOPIC, RULES_TOPIC, RawMessage
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet
from rules.rule_sets.record import pack, unpack

_RECORDS_PER_READ: Final = 5_000

_log = logging.getLogger(__name__)


def city_record(city: City, at: int) -> RawMessage:
    """The record of a city's revision; `at`: ms since 1970 UTC."""
    return RawMessage(CITY_TOPIC, pack_city(city), at)


def rules_record(rules: RuleSetChoice, at: int) -> RawMessage:
    """The record of a rule set; `at`: ms since 1970 UTC."""
    return RawMessage(RULES_TOPIC, pack(rules), at)


@lru_cache(maxsize=1)
def city_of_record(payload: bytes) -> City | None:
    """Read a revision of the city; None, and a line in the log, if it cannot be read: the last one stays in use.

    Cached: it stands in every partition of a log on Kafka, and the recorders of one process share it.
    """
    try:
        return unpack_city(payload)
    except ValueError as exc:
        _log.error("raw log: a revision of the city cannot be read, the one before it stays in use: %s", exc)
        return None


@lru_cache(maxsize=1)
def one_copy(payload: bytes) -> bytes:
    """Return the payload of a revision of the city; the recorders of one process keep one copy of it."""
    return payload


def rules_of_record(payload: bytes) -> RuleSetChoice | None:
    """Build the rules of a revision; None, and a line in the log, if this version has other rules or parameters."""
    try:
        return unpack(payload)
    except BadRuleSet as exc:
        _log.warning("raw log: a revision of the rules is not of this version, the present rules are used: %s", exc)
        return None


def first_revisions(log: LogReader, topics: frozenset[str]) -> dict[str, bytes]:
    """Payloads of the first revisions of these topics in the log, by topic; those that it has. Raises RawLogError.

    Reads the log until it has found them, which takes a twentieth of the time that judging it takes.
    """
    found: dict[str, bytes] = {}
    after = 0
    while found.keys() != topics:
        try:
            records = log.read(after, _RECORDS_PER_READ)
        except RawLogCorrupt as exc:
            after = exc.through
            continue
        if not records:
            break
        for record in records:
            if record.message.topic in topics:
                found.setdefault(record.message.topic, record.message.payload)
        after = records[-1].offset
    return found
