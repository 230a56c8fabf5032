"""Sends messages through the whole path in one process and checks each; a failed check is a Finding.

one by one    decode twice → admission → line protocol and point, read back → rules
by the round  raw log → recorder → store, dead letters, ledger → answers of the API; the engine restored
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, get_args
from unicodedata import category

from msgspec.structs import replace

from api.resources.intake.dead_letters import LetterDetail
from devices.city.model import City
from devices.codecs.codec import Flaw
from devices.codecs.native import encode
from devices.codecs.registry import decode
from devices.codecs.topics import reading_topic
from devices.readings.models import Position, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal
from ingest.judge.judge_record import judge_record
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.refused import RefusedReading
from ingest.ledger.report import read_ledger
from ingest.log.raw_log import RawLog
from ingest.log.records import LogRecord, RawMessage
from ingest.recorder.accepted import AcceptedBatch, AcceptedReading
from ingest.recorder.admit import AdmitStage
from ingest.recorder.decode import decode_records
from ingest.recorder.recorder import Recorder
from ingest.recorder.series_index import SeriesIndex
from ingest.recorder.state import RecorderState
from ingest.store.line_protocol import decode_line, encode_point
from ingest.store.sqlite import SqliteStore
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine
from tests.points import point_of

MAX_CPU_S: Final = 1.0
MAX_DETAIL: Final = 500
_ADMISSION_REASONS: Final = frozenset(
    {
        Reason.UNKNOWN_DEVICE,
        Reason.FOREIGN_DEVICE,
        Reason.ANOTHER_DIALECT,
        Reason.KIND_OF_ANOTHER_ROLE,
        Reason.FUTURE_TIME,
        Reason.TOO_MANY_COMPARTMENTS,
    }
)
_SILENCE_MS: Final = 6 * 3_600_000
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_LETTERS_PER_READ: Final = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """A failed check, and the message that causes it."""

    what: str
    message: RawMessage


class CheckFailed(Exception):
    """A check failed."""


@dataclass
class Outcome:
    """Totals of a run, and its findings."""

    messages: int = 0
    accepted: int = 0
    changes: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    findings: list[Finding] = field(default_factory=list)


class WholePath:
    """Sends each round of messages through a new path."""

    def __init__(self, city: City, outcome: Outcome) -> None:
        self._city = city
        self._outcome = outcome

    def send(self, messages: Sequence[RawMessage], folder: Path) -> None:
        engine = RuleEngine(self._city, build_rules())
        admission = AdmitStage(SeriesIndex({}), self._city, set())
        for offset, message in enumerate(messages, start=1):
            with self._collecting(message):
                self._check_one(LogRecord(offset, message), admission, engine)
        with self._collecting(messages[-1]):
            _check_restored_engine(engine, self._city)
        self._outcome.messages += len(messages)
        try:
            asyncio.run(_record(messages, folder / "whole", self._city))
        except Exception:  # noqa: BLE001 - find the message that causes it
            for number, message in enumerate(messages):
                with self._collecting(message):
                    asyncio.run(_record([message], folder / str(number), self._city))

    @contextmanager
    def _collecting(self, message: RawMessage) -> Iterator[None]:
        try:
            yield
        except CheckFailed as exc:
            self._outcome.findings.append(Finding(str(exc), message))
        except Exception as exc:  # noqa: BLE001 - any exception is a finding
            frame = exc.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = f"{Path(frame.tb_frame.f_code.co_filename).name}:{frame.tb_lineno}" if frame else ""
            self._outcome.findings.append(Finding(f"{type(exc).__name__} at {where}: {str(exc)[:200]}", message))

    def _check_one(self, record: LogRecord, admission: AdmitStage, engine: RuleEngine) -> None:
        message, outcome = record.message, self._outcome
        began = time.process_time()
        batch = AcceptedBatch(record.offset)
        for decoded_record in decode_records([record], self._city):
            admission.add(batch, decoded_record)
        outcome.changes += len(judged := judge_record(engine, record))
        took_s = time.process_time() - began
        outcome.slowest_ms = max(outcome.slowest_ms, took_s * 1000)
        _check(took_s <= MAX_CPU_S, f"took more than {MAX_CPU_S} s of CPU")
        _check(not engine.failures, f"rules failed: {dict(engine.failures)}")
        for change in judged:
            _check("\\u0000" not in change.model_dump_json(), "an alert carries NUL, which PostgreSQL refuses")
        decoded = _decoded(message)
        _check(decoded == _decoded(message), "decoding again gives another result")
        _check_sums(batch)
        for letter in batch.letters:
            _check_refusal(letter.refusal)
            _check_letter(letter)
        for accepted in batch.accepted:
            reading = decoded[accepted.location.index] if isinstance(decoded, list) else None
            if not isinstance(reading, get_args(Reading)):
                raise CheckFailed("an element that is not a reading was accepted")
            _check_round_trip(reading)
            _check_line(reading, accepted, self._city)
        outcome.accepted += len(batch.accepted)
        outcome.refused.update(str(letter.refusal.reason) for letter in batch.letters)


def _check(holds: bool, finding: str) -> None:
    if not holds:
        raise CheckFailed(finding)


def _decoded(message: RawMessage) -> list[Reading | Flaw] | Refusal:
    try:
        return decode(message.topic, message.payload)
    except DecodeError as exc:
        return exc.refusal


def _check_sums(batch: AcceptedBatch) -> None:
    in_letters = sum(letter.stands_for for letter in batch.letters)
    _check(len(batch.entries) == len(batch.accepted) + in_letters, "received is not accepted plus letters")
    _check(len(batch.entries) > 0, "a message counts as no reading")


def _check_refusal(refusal: Refusal) -> None:
    _check(bool(refusal.field) and str(refusal.field) in refusal.detail, "a refusal names no field")
    _check(len(refusal.detail) <= MAX_DETAIL, f"a refusal of {len(refusal.detail) // 100 * 100} and more characters")
    _check(refusal.detail.isprintable(), "a refusal cannot be printed as it is")
    refusal.detail.encode()


def _check_letter(letter: RefusedReading) -> None:
    """A letter is redriven with its own bytes: if nothing was fixed, the result is the same letter."""
    if letter.payload.lstrip()[:1] == b"[":
        return  # an array inside an array becomes a message of its own
    again = _decoded(RawMessage(letter.topic, letter.payload, letter.received_at))
    if letter.refusal.reason in _ADMISSION_REASONS:
        _check(
            not isinstance(again, Refusal) and len(again) == 1,
            "the bytes of a letter that admission refused cannot be decoded",
        )
    else:
        _check(
            again == letter.refusal, f"a letter of {letter.refusal.reason} is refused differently when it is redriven"
        )


def _check_round_trip(reading: Reading) -> None:
    again = decode(reading_topic(reading.device_id, reading.kind), encode(reading))
    _check(again == [reading], f"{reading.kind} encoded and decoded is another reading")


def _check_line(reading: Reading, admitted: AcceptedReading, city: City) -> None:
    if isinstance(reading, Position) and not city.region.covers(reading.lat, reading.lon):
        reading = replace(reading, located=False)
    point = point_of(reading, city.devices[reading.device_id])
    _check(decode_line(admitted.line) == point, f"the line of a {reading.kind} is another point")
    _check(decode_line(encode_point(point)) == point, f"the point of a {reading.kind} is another point when it is read")
    texts = (value for value in point.fields.values() if isinstance(value, str))
    _check(not any(category(char) in _INVISIBLE for text in texts for char in text), "a text has invisible characters")


def _check_restored_engine(engine: RuleEngine, city: City) -> None:
    """An engine restored from this one's snapshot raises the same alerts in the silence that follows.

    Alerts of different devices at one step have no order.
    """
    fleet, devices = engine.unsaved()
    restored = RuleEngine(city, build_rules())
    restored.restore(fleet, list(devices))
    original, again = (
        sorted(each.advance(_SILENCE_MS), key=lambda change: (change.alert_id, change.revision))
        for each in (engine, restored)
    )
    _check(original == again, "a restored engine raises other alerts")


async def _record(messages: Sequence[RawMessage], folder: Path, city: City) -> None:
    """Send messages through log, recorder and store; then read all that the API reads, and check the sums."""
    state_path = folder / "recorder.db"
    store = SqliteStore(folder / "readings.db")
    with closing(RawLog(folder / "log")) as log, closing(RecorderState(state_path)) as state:
        log.append(messages)
        recorder = Recorder(log, store, state, lambda: city)
        while await recorder.step():
            pass
        ledger = read_ledger(state_path, log)
    await store.close()
    _check(bool(ledger.balanced), "the ledger does not balance")
    _check(ledger.total.queued == 0, "readings stay queued")
    ledger.model_dump_json()
    shown = sum(letter.stands_for for letter in _letters_shown(DeadLetters(state_path)))
    _check(shown == sum(ledger.total.quarantined.values()), "the dead letters listed are not those counted")


def _letters_shown(letters: DeadLetters) -> Iterator[LetterDetail]:
    after = 0
    while page := letters.list(after_id=after, limit=_LETTERS_PER_READ):
        for letter in page:
            _check(letter.shown.isprintable(), "a dead letter's text cannot be printed")
            letter.model_dump_json()
            yield LetterDetail(**letter.model_dump(), payload_base64="")
        after = page[-1].id
