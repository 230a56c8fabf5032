"""No rule raises, and no alert holds NaN or infinity, whatever readings of the models' bounds admission lets through.

Values come from the models' own types and bounds (`devices.readings.models`), so that a new field takes part; stories
from `tests.rules.stories`, so that a new rule does.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.inspect import BoolType, EnumType, FloatType, IntType, LiteralType, NoneType, StrType, Type, UnionType

from devices.city.model import City
from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from devices.readings.models import MAX_TS_MS, MIN_TS_MS, MODELS, Kind, Reading
from ingest.judge.judge_record import judge_record
from ingest.log.records import LogRecord, RawMessage
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules, rule_names
from rules.engine.engine import RuleEngine
from tests.examples import examples
from tests.rules.stories import STORIES, TWO_HOURS_BEHIND, story_of
from tests.rules.test_evidence_agrees import CITY
from tests.rules.town import T0, TRUCKS

HOUR_MS = 3_600_000
TEXTS = ["A", "1", "晋ET1", "晋E·T2", "晋E12345", "kitchen", "建筑垃圾", "M-1", "x" * 64, "🚛" * 64]
DEVICES: dict[Kind, list[str]] = {
    Kind.POSITION: [f"T{n}" for n in range(1, TRUCKS + 1)],
    Kind.WEIGHING: ["W1"],
    Kind.FILL: ["P01", "P02"],
    Kind.THROUGHPUT: ["L1"],
    Kind.STATUS: ["T1", "T2", "W1", "P01", "L1"],
}

_LATE_MS = st.one_of(
    st.just(0),
    st.integers(-120_000, 120_000),
    st.integers(0, 26 * HOUR_MS),
    st.sampled_from([T0 - MIN_TS_MS, 30 * 24 * HOUR_MS, 8 * HOUR_MS, T0 - MAX_TS_MS]),
)
"""How long after its device time a reading arrives, ms; negative: its clock is ahead."""
_GAPS_MS = st.one_of(st.integers(0, 30_000), st.sampled_from([0, 1, 60_000, 600_000, 7 * HOUR_MS, 25 * HOUR_MS]))


_TICK_MS = 60_000
_MOST_TICKS = 100


def values(of: Type) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one line a type
    """Any value of a field of this type; its bounds, and zeros, more often."""
    match of:
        case UnionType(types=types):
            return st.one_of([values(one) for one in types])
        case NoneType():
            return st.none()
        case BoolType():
            return st.booleans()
        case FloatType(ge=least, le=most):
            low, high = float(least or 0.0), float(most or 0.0)
            edges = [low, high, *(edge for edge in (0.0, 5e-324, 1e-9, 0.1) if low <= edge <= high)]
            return st.one_of(st.sampled_from(edges), st.floats(low, high))
        case IntType(ge=least, le=most):
            return st.one_of(st.sampled_from([int(least or 0), int(most or 0)]), st.integers(least, most))
        case StrType(pattern=pattern) if pattern is not None and "{0,15}" in pattern:
            return st.sampled_from(["main", "paper", "glass_2", "x" * 16])
        case StrType():
            return st.sampled_from(TEXTS)
        case EnumType(cls=enum):
            return st.sampled_from(list(enum))
        case LiteralType(values=literals):
            return st.sampled_from(literals)
    raise TypeError(f"no values for {of}")


def _fields(kind: Kind) -> dict[str, Type]:
    """Types of the fields that a test may change: not who measured when."""
    of_model = msgspec.inspect.type_info(MODELS[kind])
    assert isinstance(of_model, msgspec.inspect.StructType)
    return {field.name: field.type for field in of_model.fields if field.name not in {"device_id", "ts"}}


FIELDS = {kind: _fields(kind) for kind in Kind}
_NEAR = {"lat": st.floats(35.40, 35.60), "lon": st.floats(112.80, 112.99)}
"""Most places are in the town; elsewhere nothing is judged."""


def _value(kind: Kind, name: str) -> st.SearchStrategy[Any]:
    return (
        st.one_of(_NEAR[name], _NEAR[name], values(FIELDS[kind][name])) if name in _NEAR else values(FIELDS[kind][name])
    )


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    """Any reading of any kind, with any device time around zero, to be moved to when it is sent."""
    kind = draw(st.sampled_from(list(Kind)))
    chosen = {name: draw(_value(kind, name)) for name in FIELDS[kind]}
    return MODELS[kind](device_id=draw(st.sampled_from(DEVICES[kind])), ts=T0, **chosen)


class Path:
    """Judges messages as the judge does: decoded, admitted, judged; and looks at every alert."""

    def __init__(self, city: City) -> None:
        self.city, self.engine, self.offset = city, RuleEngine(city, build_rules()), 0
        self.alerts = self.now_ms = 0

    def send(self, reading: Reading, received_ms: int) -> None:
        quiet_ms = received_ms - self.now_ms if self.now_ms else 0
        for _ in range(min(quiet_ms // _TICK_MS, _MOST_TICKS)):
            self._look(self.engine.advance(max(_TICK_MS, quiet_ms // _MOST_TICKS)))
        self.now_ms = received_ms
        self.offset += 1
        message = RawMessage(reading_topic(reading.device_id, reading.kind), encode(reading), received_ms)
        self._look(judge_record(self.engine, LogRecord(self.offset, message)))
        assert not self.engine.failures

    def restart(self) -> None:
        fleet, rows = self.engine.unsaved()
        _finite(msgspec.msgpack.decode(fleet), "fleet")
        for device_id, row in rows:
            _finite(msgspec.msgpack.decode(row), device_id)
        self.engine = RuleEngine(self.city, build_rules())
        self.engine.restore(fleet, rows)

    def end(self) -> None:
        self.restart()
        for _ in range(40):
            self._look(self.engine.advance(60_000))
        assert not self.engine.failures

    def _look(self, changes: Sequence[AlertChange]) -> None:
        for change in changes:
            self.alerts += 1
            _finite(change.model_dump(), change.rule)
            text = " ".join([change.title.en, *(found.en for found in change.evidence.findings)]).lower()
            assert not {"nan", "inf"} & set(text.replace(",", " ").split()), text


def _finite(value: object, where: str) -> None:
    """Assert that no number in a value, however deep, is NaN or infinite."""
    if isinstance(value, float):
        assert math.isfinite(value), where
    elif isinstance(value, dict):
        for key, inner in value.items():
            _finite(inner, f"{where}.{key}")
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for inner in value:
            _finite(inner, where)


@settings(max_examples=examples(30, exploring=300))
@given(st.lists(st.tuples(readings(), _GAPS_MS, _LATE_MS), max_size=40), st.integers(0, 40))
def test_any_readings_in_any_order(sent: list[tuple[Reading, int, int]], restarted_at: int) -> None:
    path, now_ms = Path(CITY), T0
    for n, (reading, gap_ms, late_ms) in enumerate(sent):
        now_ms += gap_ms
        ts = min(max(now_ms - late_ms, MIN_TS_MS), MAX_TS_MS)
        path.send(msgspec.structs.replace(reading, ts=ts), now_ms)
        if n == restarted_at:
            path.restart()
    path.end()


@pytest.mark.parametrize("rule", rule_names())
@settings(max_examples=examples(4, exploring=40))
@given(data=st.data())
def test_a_story_in_which_some_values_are_any(rule: str, data: st.DataObject) -> None:
    """A story that leads to the rule's alert, with fields of some readings replaced by any other value."""
    told = sorted((one for device in story_of(rule).values() for one in device), key=lambda one: one.ts)
    count = data.draw(st.integers(1, 25))
    for _ in range(count):
        at = data.draw(st.integers(0, len(told) - 1))
        name = data.draw(st.sampled_from(sorted(FIELDS[told[at].kind])))
        lasts = data.draw(st.sampled_from([1, 1, 3, 30]))
        value = data.draw(_value(told[at].kind, name))
        for n in range(at, min(at + lasts, len(told))):
            if told[n].kind is told[at].kind:
                told[n] = msgspec.structs.replace(told[n], **{name: value})
    path = Path(STORIES[rule][0])
    behind_ms = TWO_HOURS_BEHIND.get(rule, 0)
    for reading in told:
        path.send(reading, reading.ts + behind_ms + data.draw(st.sampled_from([200, 200, 200, 40_000])))
    path.end()


@pytest.mark.parametrize("rule", rule_names())
def test_an_unchanged_story_has_alerts_to_look_at(rule: str) -> None:
    path = Path(STORIES[rule][0])
    for reading in sorted((one for device in story_of(rule).values() for one in device), key=lambda one: one.ts):
        path.send(reading, reading.ts + TWO_HOURS_BEHIND.get(rule, 0) + 200)
    path.end()
    assert path.alerts > 0
