"""Messages through the whole path in one process, and what must hold for each: a Finding says what did not.

one by one    decode twice → intake → line protocol and point, back again → rules
by the round  raw log → recorder → store, dead letters, ledger → what the API shows of them; the engine restored
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

from api.resources.ledger import LetterDetail
from devices.city.model import City
from devices.codecs.codec import Flaw
from devices.codecs.native import encode
from devices.codecs.registry import decode
from devices.codecs.topics import reading_topic
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError, Reason, Refusal
from devices.readings.series import point_of
from ingest.judge.judge import judge_record
from ingest.ledger.dead_letters import DeadLetters
from ingest.ledger.report import read_ledger
from ingest.log.raw_log import RawLog
from ingest.log.records import LogRecord, RawMessage
from ingest.recorder.accepted import AcceptedReading
from ingest.recorder.decode import DecodedBatch, DecodeStage
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState, RefusedReading
from ingest.store.line_protocol import decode_line, encode_point
from ingest.store.sqlite import SqliteStore
from rules.catalogue import build_rules
from rules.engine.engine import RuleEngine

MAX_CPU_S: Final = 1.0
MAX_DETAIL: Final = 500
_NOT_OF_DECODE: Final = frozenset(
    {Reason.UNKNOWN_DEVICE, Reason.FOREIGN_DEVICE, Reason.FUTURE_TIME, Reason.TOO_MANY_COMPARTMENTS}
)
_SILENCE_MS: Final = 6 * 3_600_000
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that did not hold, and the message it did not hold for."""

    what: str
    message: RawMessage


class Broken(Exception):
    """Something did not hold."""


@dataclass
class Outcome:
    """What became of the messages."""

    messages: int = 0
    admitted: int = 0
    changes: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    slowest_ms: float = 0.0
    findings: list[Finding] = field(default_factory=list)


class WholePath:
    """Sends rounds of messages through a path of their own, each from nothing."""

    def __init__(self, city: City, outcome: Outcome) -> None:
        self._city = city
        self._outcome = outcome

    def send(self, messages: Sequence[RawMessage], folder: Path) -> None:
        engine = RuleEngine(self._city, build_rules())
        intake = DecodeStage(set(), {})
        for offset, message in enumerate(messages, start=1):
            with self._noting(message):
                self._one(LogRecord(offset, message), intake, engine)
        with self._noting(messages[-1]):
            _goes_on_alike(engine, self._city)
        self._outcome.messages += len(messages)
        try:
            asyncio.run(_record(messages, folder / "whole", self._city))
        except Exception:  # noqa: BLE001 - whatever it is, which message is it?
            for number, message in enumerate(messages):
                with self._noting(message):
                    asyncio.run(_record([message], folder / str(number), self._city))

    @contextmanager
    def _noting(self, message: RawMessage) -> Iterator[None]:
        try:
            yield
        except Broken as exc:
            self._outcome.findings.append(Finding(str(exc), message))
        except Exception as exc:  # noqa: BLE001 - that none escapes is what is tried
            at = exc.__traceback__
            while at is not None and at.tb_next is not None:
                at = at.tb_next
            where = f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else ""
            self._outcome.findings.append(Finding(f"{type(exc).__name__} at {where}: {str(exc)[:200]}", message))

    def _one(self, record: LogRecord, intake: DecodeStage, engine: RuleEngine) -> None:
        message, outcome = record.message, self._outcome
        began = time.process_time()
        intake.take(batch := DecodedBatch(record.offset), [record], self._city)
        outcome.changes += len(judged := judge_record(engine, record))
        took_s = time.process_time() - began
        outcome.slowest_ms = max(outcome.slowest_ms, took_s * 1000)
        _must(took_s <= MAX_CPU_S, f"took more than {MAX_CPU_S} s of CPU")
        _must(not engine.failures, f"rules failed: {dict(engine.failures)}")
        for change in judged:
            _must("\\u0000" not in change.model_dump_json(), "an alert carries NUL, which PostgreSQL refuses")
        found = _decoded(message)
        _must(found == _decoded(message), "decoded otherwise the second time")
        _adds_up(batch)
        for letter in batch.letters:
            _is_told_well(letter.refusal)
            _is_refused_again(letter)
        for admitted in batch.admitted:
            reading = found[admitted.place.index] if isinstance(found, list) else None
            if not isinstance(reading, get_args(Reading)):
                raise Broken("admitted is what was no reading")
            _comes_back(reading)
            _is_written_right(reading, admitted, self._city)
        outcome.admitted += len(batch.admitted)
        outcome.refused.update(str(letter.refusal.reason) for letter in batch.letters)


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Broken(otherwise)


def _decoded(message: RawMessage) -> list[Reading | Flaw] | Refusal:
    try:
        return decode(message.topic, message.payload)
    except DecodeError as exc:
        return exc.refusal


def _adds_up(batch: DecodedBatch) -> None:
    _must(len(batch.entries) == len(batch.admitted) + len(batch.letters), "received is not admitted and letters")
    _must(len(batch.entries) > 0, "received as nothing")


def _is_told_well(refusal: Refusal) -> None:
    _must(bool(refusal.field) and str(refusal.field) in refusal.detail, "a refusal names no field")
    _must(len(refusal.detail) <= MAX_DETAIL, f"a refusal of {len(refusal.detail) // 100 * 100} and more characters")
    _must(refusal.detail.isprintable(), "a refusal cannot be printed as it is")
    refusal.detail.encode()


def _is_refused_again(letter: RefusedReading) -> None:
    """A letter is driven again with its own bytes: as long as nothing was mended, it is the same letter again."""
    if letter.payload.lstrip()[:1] == b"[":
        return  # an array inside an array becomes a message of its own
    again = _decoded(RawMessage(letter.topic, letter.payload, letter.received_at))
    if letter.refusal.reason in _NOT_OF_DECODE:
        _must(not isinstance(again, Refusal) and len(again) == 1, "an admissible letter decodes no more")
    else:
        _must(again == letter.refusal, f"a letter of {letter.refusal.reason} is another when it is driven alone")


def _comes_back(reading: Reading) -> None:
    again = decode(reading_topic(reading.device_id, reading.kind), encode(reading))
    _must(again == [reading], f"{reading.kind} encoded and decoded is another reading")


def _is_written_right(reading: Reading, admitted: AcceptedReading, city: City) -> None:
    point = point_of(reading, city.devices[reading.device_id])
    _must(decode_line(admitted.line) == point, f"the line of a {reading.kind} is another point")
    _must(decode_line(encode_point(point)) == point, f"the point of a {reading.kind} is another when it is read")
    texts = (value for value in point.fields.values() if isinstance(value, str))
    _must(not any(category(char) in _UNSEEN for text in texts for char in text), "a text has unseen characters")


def _goes_on_alike(engine: RuleEngine, city: City) -> None:
    """Another engine, made of what this one writes down, says the same of the silence that follows.

    Alerts of different devices that come of one step are in no order.
    """
    fleet, devices = engine.unsaved()
    other = RuleEngine(city, build_rules())
    other.restore(fleet, list(devices))
    said = [
        sorted(one.advance(_SILENCE_MS), key=lambda change: (change.alert_id, change.revision))
        for one in (engine, other)
    ]
    _must(said[0] == said[1], "a restored engine goes on otherwise")


async def _record(messages: Sequence[RawMessage], folder: Path, city: City) -> None:
    """Through log, recorder and store; then all that the API reads is read, and the sums are checked."""
    state_path = folder / "recorder.db"
    store = SqliteStore(folder / "readings.db")
    with closing(RawLog(folder / "log")) as log, closing(RecorderState(state_path)) as state:
        log.append(messages)
        recorder = Recorder(log, store, state, lambda: city)
        while await recorder.step():
            pass
        ledger = read_ledger(state_path, log)
    await store.close()
    _must(bool(ledger.balanced), "the ledger does not balance")
    _must(ledger.total.queued == 0, "readings stay queued")
    ledger.model_dump_json()
    shown = sum(1 for _ in _letters_shown(DeadLetters(state_path)))
    _must(shown == sum(ledger.total.quarantined.values()), "the dead letters shown are not those counted")


def _letters_shown(letters: DeadLetters) -> Iterator[LetterDetail]:
    after = 0
    while page := letters.list(after_id=after, limit=_PAGE):
        for letter in page:
            _must(letter.shown.isprintable(), "a dead letter's bytes are shown unsafely")
            letter.model_dump_json()
            yield LetterDetail(**letter.model_dump(), payload_base64="")
        after = page[-1].id
