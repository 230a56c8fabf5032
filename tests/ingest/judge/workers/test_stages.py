"""Judged in partitions, the same messages give the same alerts as judged as one log."""

import pytest

from ingest.judge.rejudge import rejudge
from ingest.log.records import LogRecord, RawMessage
from rules.alerts.model import AlertChange
from rules.catalogue import build_rules
from tests.ingest.judge.test_shuffle import CITY
from tests.ingest.judge.workers.stages import judged_in_partitions
from tests.judge_workers.honest_day import honest_day


def by_key(changes: list[AlertChange]) -> dict[str, AlertChange]:
    return {change.key: change for change in changes}


def as_one_log(messages: list[RawMessage]) -> dict[str, AlertChange]:
    records = [LogRecord(offset, message) for offset, message in enumerate(messages, 1)]
    return by_key(rejudge(records, CITY, build_rules()))


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_the_day_has_the_same_alerts_in_partitions(partitions: int) -> None:
    messages = list(honest_day())
    expected = as_one_log(messages)
    for seed in range(2):
        assert by_key(judged_in_partitions(messages, partitions, CITY, build_rules(), seed)) == expected
