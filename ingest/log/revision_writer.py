"""Appends revisions of city and rules to the raw log, each once, whichever process notices it first.

A small file beside the segments says what was appended last. Whoever appends holds the lock of that file.
"""

import asyncio
import fcntl
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final, Protocol, TypeVar

from devices.city.model import City
from devices.errors import OperatorError
from ingest.log.ports import LogReader, LogWriter
from ingest.log.records import CITY_TOPIC, RULES_TOPIC, RawMessage
from ingest.log.revisions import city_record, rules_record
from ingest.process.pause import pause
from ingest.process.status_file import replace_status
from rules.rule_sets.choice import RuleSetChoice

EVERY_S: Final = 2.0
"""The longest time until a new revision of the registry is in the log; readings of an adopted device are accepted from
then on."""
_BYTES_PER_S: Final = 100_000
"""A registry that changes all the time makes the log grow by no more than this: the revision of a city of 10,000 trucks
takes 3 s of it."""

_log = logging.getLogger(__name__)


def newest_revisions(file: Path) -> dict[str, int]:
    """Offset of the last revision that was appended, by topic; empty where the file is not there or spoiled."""
    return {topic: offset for topic, (_, offset) in _read(file).items()}


def _read(file: Path) -> dict[str, tuple[str, int]]:
    """Digest and offset of the last revision, by topic; empty where the file is spoiled."""
    try:
        return {topic: (str(digest), int(at)) for topic, (digest, at) in json.loads(file.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


class RevisionLog(LogReader, LogWriter, Protocol):
    """The part of the raw log that revisions need."""

    def first_offset(self) -> int: ...
    def close(self) -> None: ...


class RevisionWriter:
    """Follows the city of the registry. One thread at a time; any number of processes."""

    def __init__(self, log: RevisionLog, file: Path, now: Callable[[], int]) -> None:
        """`file` says what was appended last; `now`: wall clock, ms."""
        self._log, self._file, self._now = log, file, now

    def close(self) -> None:
        self._log.close()

    def write_city(self, load: Callable[[], City], *, always: bool = False) -> int:
        """Append the city as `load` returns it, if it is not the last that was appended. Returns the bytes appended.

        `always`: also if it is, for this file does not say what another machine appended since.
        `load` reads the registry when the lock is held, so that no process appends an older city than another did.
        Raises RawLogError, OSError, and what `load` raises.
        """
        with self._locked():
            return self._append(city_record(load(), self._now()), always)

    def write_rules(self, load: Callable[[], RuleSetChoice], *, always: bool = False) -> int:
        """Append the rule set likewise."""
        with self._locked():
            return self._append(rules_record(load(), self._now()), always)

    def is_kept(self, topic: str) -> bool:
        """False if the raw log does not have the revision that holds: it was trimmed, or its segment taken away."""
        _, offset = self._written().get(topic, ("", 0))
        return self._log.first_offset() <= offset <= self._log.last_offset()

    def _append(self, record: RawMessage, always: bool) -> int:
        digest, written = blake2b(record.payload, digest_size=16).hexdigest(), self._written()
        before, _ = written.get(record.topic, ("", 0))
        if not always and before == digest and self.is_kept(record.topic):
            return 0
        written[record.topic] = (digest, self._log.append([record]))
        # A crash before this line appends it a second time, which changes nothing.
        replace_status(self._file, json.dumps(written).encode())
        return len(record.payload)

    def _written(self) -> dict[str, tuple[str, int]]:
        return _read(self._file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._file.with_suffix(".lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


Revision_co = TypeVar("Revision_co", bound=City | RuleSetChoice, covariant=True)


class Registry(Protocol[Revision_co]):
    """The registry as `RevisionFollower` reads it: of cities, or of rule sets."""

    def __call__(self) -> Revision_co:
        """What holds, looked up now and then; the last one while the registry does not answer."""

    def load(self) -> Revision_co:
        """As the registry has it now. Raises OperatorError."""


class RevisionFollower:
    """Appends each new revision of the registry. Raises nothing: a revision that cannot be appended waits."""

    def __init__(
        self,
        writer: RevisionWriter,
        cities: Registry[City],
        rule_sets: Registry[RuleSetChoice] | None = None,
        *,
        shared: bool = False,
    ) -> None:
        """`rule_sets`: in the process that judges. `shared`: other machines append to the log too, so whoever comes to
        lead appends what holds, whatever it had appended before: another one may have been the last.
        """
        self._shared, self._always = shared, False
        self._writer, self._cities, self._rule_sets = writer, cities, rule_sets
        self._written: City | None = None
        self._written_rules: RuleSetChoice | None = None
        self._failing = False

    def step(self) -> float:
        """Append what is new. Returns the seconds until the next look."""
        size = 0
        try:
            city = self._cities()
            if self._always or city is not self._written or not self._writer.is_kept(CITY_TOPIC):
                size = self._writer.write_city(self._cities.load, always=self._always)
                self._written = city
            if self._rule_sets is not None:
                rules = self._rule_sets()
                if self._always or rules is not self._written_rules or not self._writer.is_kept(RULES_TOPIC):
                    size += self._writer.write_rules(self._rule_sets.load, always=self._always)
                    self._written_rules = rules
            self._always = False
            self._failing = False
        except (OperatorError, OSError) as exc:
            if not self._failing:
                _log.warning("raw log: a revision waits to be written, readings are judged by the last one: %s", exc)
            self._failing = True
        return max(EVERY_S, size / _BYTES_PER_S)

    async def run(self, stop: asyncio.Event, leads: Callable[[], bool] = lambda: True) -> None:
        """Follow the registry until `stop` is set. `leads`: whether this process appends; of several one does."""
        led = False
        while not stop.is_set():
            led, led_before = leads(), led
            self._always |= self._shared and led and not led_before
            await pause(stop, await asyncio.to_thread(self.step) if led else EVERY_S)
