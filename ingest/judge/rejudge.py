"""Judges a raw log again: the same messages, by the revisions that lie among them, give the same alerts."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from devices.city.model import City
from ingest.judge.judge_record import judge_record
from ingest.log.records import CITY_TOPIC, REVISION_TOPICS, RULES_TOPIC, LogRecord, RawMessage
from ingest.log.revisions import city_of_record, rules_of_record
from rules.alerts.model import AlertChange
from rules.contract.rule import Rule
from rules.contract.rule_choice import RuleChoice
from rules.engine.engine import RuleEngine


class Rejudging:
    """A new engine that takes the records of a log in order. Keeps everything in memory."""

    def __init__(self, city: City, rules: Sequence[Rule[Any]] | RuleChoice) -> None:
        """`city` and `rules` hold until the log names others."""
        self.engine = RuleEngine(city, rules)
        self._rows: dict[str, bytes] = {}

    def judge(self, record: LogRecord) -> list[AlertChange]:
        """Judge the next record and return the alert changes it leads to."""
        if record.message.topic in REVISION_TOPICS:
            self.take_revision(record.message)
        return judge_record(self.engine, record)

    def take_revision(self, message: RawMessage) -> None:
        """Judge what follows by this city, or by these rules."""
        if message.topic == CITY_TOPIC and (city := city_of_record(message.payload)) is not None:
            self.engine.replace_city(city)
        if message.topic == RULES_TOPIC and (rules := rules_of_record(message.payload)) is not None:
            fleet, devices = self.engine.unsaved()
            self._rows.update(devices)
            self.engine = RuleEngine(self.engine.city, rules)
            self.engine.restore(fleet, self._rows.items())


def rejudge(records: Iterable[LogRecord], city: City, rules: Sequence[Rule[Any]] | RuleChoice) -> list[AlertChange]:
    """Judge a whole log with a new engine. `city` and `rules` hold where the log names no others."""
    kept = list(records)
    judging = _from_the_start(kept, city, rules)
    return list(chain.from_iterable(map(judging.judge, kept)))


def fleet_times(records: Sequence[LogRecord], city: City, rules: Sequence[Rule[Any]] | RuleChoice) -> list[int]:
    """Fleet time after each record of a whole log, ms."""
    judging, times = _from_the_start(records, city, rules), []
    for record in records:
        judging.judge(record)
        times.append(judging.engine.fleet_time)
    return times


def _from_the_start(records: Iterable[LogRecord], city: City, rules: Sequence[Rule[Any]] | RuleChoice) -> Rejudging:
    """A new engine, with the first revisions of the log."""
    judging = Rejudging(city, rules)
    first: dict[str, RawMessage] = {}
    for record in records:
        if record.message.topic in REVISION_TOPICS:
            first.setdefault(record.message.topic, record.message)
    for message in first.values():  # what comes before the first revision is judged by it
        judging.take_revision(message)
    return judging
