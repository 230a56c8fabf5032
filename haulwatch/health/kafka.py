"""Checks of the raw log on Kafka, for /readyz and doctor."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Final

from api.ports import Check, ReadinessResult, ReadinessState
from devices.errors import OperatorError
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.health.readiness import BACKLOG, TroubleLog
from ingest.log.errors import RawLogMisfit
from ingest.log.kafka.connection import KafkaRefused, TopicMissing
from ingest.log.kafka.figures import FleetFigures

UNUSED: Final = "not used: the raw log is in the data directory"
_GROWING_MINUTES: Final = 5
_SMALL_LAG: Final = 1_000
"""Messages: a batch or two. A lag below it grows and shrinks all the time."""

Wanted = Callable[[int], Mapping[str, str]]
"""The settings that a topic with so many replicas should have."""


class LagWatch:
    """Notes the lag of each reader by minute, as far as this process is asked, and says whose grows."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lowest: dict[str, deque[tuple[int, int]]] = {}
        """Minute and the lowest lag in it, of the last minutes."""

    def growing(self, lags: Mapping[str, int]) -> dict[str, int]:
        """The readers whose lag was larger in each of five minutes than in the one before, with their lag."""
        minute, found = int(self._monotonic() // 60), {}
        for reader, lag in lags.items():
            lowest = self._lowest.setdefault(reader, deque(maxlen=_GROWING_MINUTES + 1))
            if lowest and lowest[-1][0] == minute:
                lowest[-1] = (minute, min(lowest[-1][1], lag))
            else:
                lowest.append((minute, lag))
            grew = all(before < after for (_, before), (_, after) in pairwise(lowest))
            if grew and len(lowest) == lowest.maxlen and lag > _SMALL_LAG:
                found[reader] = lag
        return found


def kafka_check(
    settings_of_topic: Callable[[], Mapping[str, str]],
    wanted: Wanted = lambda replicas: {},
    lags: Callable[[], Mapping[str, int]] = dict,
) -> Check:
    """The check of /readyz where the raw log is on Kafka. `settings_of_topic` and `lags` (by reader) raise RawLogError,
    OperatorError.
    """
    warn, watch = partial(TroubleLog().warn, "Kafka"), LagWatch()

    def growing() -> Mapping[str, int]:
        """None while the lag cannot be read: the checks of recorder and judge say so."""
        try:
            return watch.growing(lags())
        except OperatorError:
            return {}

    look = partial(kafka_readiness, settings_of_topic, warn, wanted, growing)
    return Check("kafka", partial(asyncio.to_thread, look))


def kafka_readiness(
    settings_of_topic: Callable[[], Mapping[str, str]],
    warn: Callable[[Exception], None],
    wanted: Wanted = lambda replicas: {},
    growing: Callable[[], Mapping[str, int]] = dict,
) -> ReadinessResult:
    """Whether Kafka takes messages, and has each as often as it should. `warn` logs what must not be shown."""
    try:
        found, grown = settings_of_topic(), growing()
    except OperatorError as exc:  # RawLogError is one
        warn(exc)
        return ReadinessResult(ReadinessState.FAILED, _why_not(exc))
    if trouble := _not_acknowledged(found):
        return ReadinessResult(ReadinessState.FAILED, f"{trouble}: its messages are not acknowledged")
    if degraded := _degraded(found, wanted, grown):
        return ReadinessResult(ReadinessState.DEGRADED, degraded)
    return ReadinessResult(ReadinessState.OK, f"every partition has {found['replicas']} replicas in sync")


def _why_not(error: OperatorError) -> str:
    match error:
        case RawLogMisfit():
            what = "the topic has another number of partitions than HAULWATCH_KAFKA_PARTITIONS, or was made anew"
        case KafkaRefused():
            what = "refuses us (login, certificate or rights)"
        case TopicMissing():
            return "there is no such topic, and nothing is acknowledged: run `haulwatch kafka init`"
        case _:
            what = "does not answer: nothing is acknowledged, the MQTT broker keeps the messages"
            return f"{what}: see the log, or run `haulwatch doctor kafka`"
    return f"{what}: nothing is acknowledged: see the log, or run `haulwatch doctor kafka`"


def _not_acknowledged(found: Mapping[str, str]) -> str:
    """Why messages are not acknowledged; empty if they are."""
    if found["without leader"] != "0":
        return f"{found['without leader']} partitions have no broker"
    if int(found["in sync"]) < int(found["min.insync.replicas"]):
        return f"a partition has {found['in sync']} replicas in sync and needs {found['min.insync.replicas']}"
    return ""


def _degraded(found: Mapping[str, str], wanted: Wanted, grown: Mapping[str, int]) -> str:
    """What is not as it should be while messages are acknowledged; empty if nothing is wrong."""
    if int(found["in sync"]) < int(found["replicas"]):
        return f"a partition has {found['in sync']} of {found['replicas']} replicas in sync: a broker is away"
    if other := _other_settings(found, wanted):
        return f"the topic's settings are not as they should be: {'; '.join(other)}: run `haulwatch kafka init`"
    if grown:
        named = ", ".join(f"{reader} {lag:,}" for reader, lag in sorted(grown.items()))
        return f"unread messages have grown for {_GROWING_MINUTES} minutes: {named}: see docs/kafka.md, sizing"
    return ""


def _other_settings(found: Mapping[str, str], wanted: Wanted) -> list[str]:
    settings = wanted(int(found["replicas"])).items()
    return [f"{name} is {found.get(name)} and not {value}" for name, value in settings if found.get(name) != value]


def check_kafka(
    settings_of_topic: Callable[[], Mapping[str, str]] | None,
    wanted: Wanted,
    lags: Callable[[], Mapping[str, int]] = dict,
    fleet: Callable[[], FleetFigures] | None = None,
) -> CheckResult:
    """The topic is there, keeps messages as long as the settings say, and loses none with a broker.

    `settings_of_topic` None: the raw log is not on Kafka. `lags`: unread messages by reader. `fleet`: who judges
    verdicts, where judges share partitions.
    """
    if settings_of_topic is None:
        return CheckResult("kafka", CheckStatus.OK, UNUSED)
    try:
        found, unread = settings_of_topic(), lags()
        judges = None if fleet is None else fleet()
    except KafkaRefused as exc:
        return CheckResult("kafka", CheckStatus.FAIL, str(exc), exc.hint)
    except RawLogMisfit as exc:
        hint = "set HAULWATCH_KAFKA_PARTITIONS as it was; partitions cannot be taken away from a topic"
        return CheckResult("kafka", CheckStatus.FAIL, str(exc), hint)
    except OperatorError as exc:
        hint = "start Kafka, correct HAULWATCH_KAFKA_URL, or run `haulwatch kafka init`"
        return CheckResult("kafka", CheckStatus.FAIL, str(exc), hint)
    result = _found(found, wanted)
    behind = {reader: lag for reader, lag in unread.items() if lag > BACKLOG}
    if behind and result.status is CheckStatus.OK:
        named = ", ".join(f"{reader} {lag:,}" for reader, lag in sorted(behind.items()))
        return CheckResult("kafka", CheckStatus.WARN, f"unread messages: {named}", "see docs/kafka.md, sizing")
    return result if judges is None or result.status is not CheckStatus.OK else _with_judges(result, judges)


def _with_judges(result: CheckResult, judges: FleetFigures) -> CheckResult:
    if not judges.owner:
        detail = "no judge has the verdicts: devices are not compared and no alert is raised"
        return CheckResult("kafka", CheckStatus.WARN, detail, "start `haulwatch judge`")
    detail = f"{judges.owner} judges verdicts, {judges.members - 1} would take over"
    return CheckResult("kafka", CheckStatus.OK, f"{result.detail}; {detail}")


def _found(found: Mapping[str, str], wanted: Wanted) -> CheckResult:
    replicas = int(found["replicas"])
    if trouble := _not_acknowledged(found):
        return CheckResult("kafka", CheckStatus.FAIL, trouble, "start the brokers that are away")
    if other := _other_settings(found, wanted):
        return CheckResult("kafka", CheckStatus.WARN, "; ".join(other), "run `haulwatch kafka init`, which sets them")
    if int(found["in sync"]) < replicas:
        detail = f"a partition has {found['in sync']} of {replicas} replicas in sync"
        return CheckResult("kafka", CheckStatus.WARN, detail, "start the brokers that are away")
    if replicas == 1:
        detail = "the topic is there; each message is on one broker, whose loss loses it"
        return CheckResult("kafka", CheckStatus.OK, detail)
    return CheckResult("kafka", CheckStatus.OK, f"the topic is there, every partition with {replicas} replicas in sync")
