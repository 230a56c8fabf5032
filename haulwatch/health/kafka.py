"""Checks of the raw log on Kafka, for /readyz and doctor."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from api.ports import Check, ReadinessResult, ReadinessState
from devices.errors import OperatorError
from haulwatch.health.check_result import CheckResult, CheckStatus
from haulwatch.health.readiness import TroubleLog
from ingest.log.errors import RawLogError

UNUSED: Final = "not used: the raw log is in the data directory"


def kafka_check(settings_of_topic: Callable[[], Mapping[str, str]]) -> Check:
    """The check of /readyz where the raw log is on Kafka. `settings_of_topic` raises RawLogError, OperatorError."""
    warn = partial(TroubleLog().warn, "Kafka")
    return Check("kafka", partial(asyncio.to_thread, kafka_readiness, settings_of_topic, warn))


def kafka_readiness(
    settings_of_topic: Callable[[], Mapping[str, str]], warn: Callable[[Exception], None]
) -> ReadinessResult:
    """Whether Kafka takes messages, and has each as often as it should. `warn` logs what must not be shown."""
    try:
        found = settings_of_topic()
    except (RawLogError, OperatorError) as exc:
        warn(exc)
        detail = "does not answer, or has no such topic: nothing is acknowledged, the MQTT broker keeps the messages"
        return ReadinessResult(ReadinessState.FAILED, f"{detail}: see the log, or run `haulwatch doctor kafka`")
    if found["without leader"] != "0":
        detail = f"{found['without leader']} partitions have no broker: their messages are not acknowledged"
        return ReadinessResult(ReadinessState.FAILED, detail)
    if int(found["in sync"]) < int(found["min.insync.replicas"]):
        detail = f"a partition has {found['in sync']} replicas in sync and needs {found['min.insync.replicas']}"
        return ReadinessResult(ReadinessState.FAILED, f"{detail}: its messages are not acknowledged")
    if int(found["in sync"]) < int(found["replicas"]):
        detail = f"a partition has {found['in sync']} of {found['replicas']} replicas in sync: a broker is away"
        return ReadinessResult(ReadinessState.DEGRADED, detail)
    return ReadinessResult(ReadinessState.OK, f"every partition has {found['replicas']} replicas in sync")


def check_kafka(
    settings_of_topic: Callable[[], Mapping[str, str]] | None, wanted: Callable[[int], Mapping[str, str]]
) -> CheckResult:
    """The topic is there, keeps messages as long as the settings say, and loses none with a broker.

    `settings_of_topic` None: the raw log is not on Kafka. `wanted`: the settings of a topic with so many replicas.
    """
    if settings_of_topic is None:
        return CheckResult("kafka", CheckStatus.OK, UNUSED)
    try:
        found = settings_of_topic()
    except (RawLogError, OperatorError) as exc:
        hint = "start Kafka, correct HAULWATCH_KAFKA_URL, or run `haulwatch kafka init`"
        return CheckResult("kafka", CheckStatus.FAIL, str(exc), hint)
    return _found(found, wanted)


def _found(found: Mapping[str, str], wanted: Callable[[int], Mapping[str, str]]) -> CheckResult:
    if found["without leader"] != "0":
        detail = f"{found['without leader']} partitions have no broker"
        return CheckResult("kafka", CheckStatus.FAIL, detail, "start the brokers that are away")
    replicas = int(found["replicas"])
    settings = wanted(replicas).items()
    other = [f"{name} is {found.get(name)} and not {value}" for name, value in settings if found.get(name) != value]
    if other:
        return CheckResult("kafka", CheckStatus.WARN, "; ".join(other), "run `haulwatch kafka init`, which sets them")
    if int(found["in sync"]) < replicas:
        detail = f"a partition has {found['in sync']} of {replicas} replicas in sync"
        return CheckResult("kafka", CheckStatus.WARN, detail, "start the brokers that are away")
    if replicas == 1:
        detail = "the topic is there; each message is on one broker, whose loss loses it"
        return CheckResult("kafka", CheckStatus.OK, detail)
    return CheckResult("kafka", CheckStatus.OK, f"the topic is there, every partition with {replicas} replicas in sync")
