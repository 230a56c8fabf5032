"""What people are told in a trial: its readings pass the judge as a replayed log does, decoded and admitted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from devices.codecs.topics import reading_topic
from ingest.judge.rejudge import Rejudging
from ingest.log.records import TICK_TOPIC, LogRecord, RawMessage
from rules.alerts.model import AlertChange, Amendment, Phase
from rules.contract.rule import Rule
from rules.contract.rule_choice import RuleChoice
from simulators.trials.network import Arrival
from simulators.trials.trial import Trial

_TICK_MS: Final = 10_000
"""As the collector writes ticks while nothing comes."""


@dataclass(slots=True)
class Alarm:
    """One alert about one incident, as people learned of it."""

    rule: str
    subject: str
    onset_ms: int
    """When it says that the incident began: device time."""
    told_ms: int
    """When people were first told: receive time of the message that led to it."""
    alert_id: str = ""
    title: str = ""
    confirmed_ms: int | None = None
    """When they were told that it is so, not only that it may be."""
    withdrawn: bool = False
    """It was taken back."""
    scores: list[float] = field(default_factory=list)
    """The highest score of a scored rule, as far as it was told."""


class RuleFailed(Exception):
    """A rule raised at a reading: the figures would be wrong. The message names it."""


def told(trial: Trial, rules: Sequence[Rule[Any]] | RuleChoice) -> list[Alarm]:
    """Judge a trial with a new engine. Labels are not passed on. Raises RuleFailed."""
    judging = Rejudging(trial.city, rules)
    alarms: dict[tuple[str, int], Alarm] = {}
    for record in _records(trial.arrivals):
        for change in judging.judge(record):
            _note(change, record.message.received_at, alarms)
    if judging.engine.failures:
        raise RuleFailed(f"rules raised at readings of a trial: {dict(judging.engine.failures)}")
    return list(alarms.values())


def _records(arrivals: Iterable[Arrival]) -> Iterator[LogRecord]:
    """Records of a raw log: one a message, and ticks while nothing comes."""
    encoder, offset, last_ms = msgspec.json.Encoder(), 0, 0
    for received_ms, reading in arrivals:
        for tick_ms in range(last_ms + _TICK_MS, received_ms, _TICK_MS) if last_ms else ():
            offset += 1
            yield _tick(offset, tick_ms)
        offset, last_ms = offset + 1, received_ms
        message = RawMessage(reading_topic(reading.device_id, reading.kind), encoder.encode(reading), received_ms)
        yield LogRecord(offset, message)


def _tick(offset: int, at_ms: int) -> LogRecord:
    return LogRecord(offset, RawMessage(TICK_TOPIC, str(_TICK_MS).encode(), at_ms))


def _note(change: AlertChange, at_ms: int, alarms: dict[tuple[str, int], Alarm]) -> None:
    onset_ms = change.opened_at if change.onset is None else change.onset
    if change.amendment is Amendment.RETRACTED:
        for alarm in alarms.values():
            if alarm.alert_id == change.alert_id:
                alarm.withdrawn = True
        return
    first = Alarm(change.rule, change.subject, onset_ms, at_ms, change.alert_id, change.title.en)
    alarm = alarms.setdefault((change.alert_id, onset_ms), first)
    alarm.withdrawn = False
    if alarm.confirmed_ms is None and change.phase in {Phase.CONFIRMED, Phase.AMENDED}:
        alarm.confirmed_ms = at_ms
    score = change.evidence.measures.get("score")
    if isinstance(score, int | float):
        alarm.scores = [max([float(score), *alarm.scores])]
