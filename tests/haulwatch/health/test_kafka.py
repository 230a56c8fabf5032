"""What /readyz and doctor say of a topic, by its settings and replicas."""

import pytest

from api.ports import ReadinessState
from haulwatch.health.check_result import CheckStatus
from haulwatch.health.kafka import LagWatch, check_kafka, kafka_readiness
from ingest.log.errors import RawLogError, RawLogMisfit, RawLogUnavailable
from ingest.log.kafka.connection import KafkaRefused, TopicMissing
from ingest.log.kafka.topic import topic_settings


def topic(replicas: int = 3, in_sync: int = 3, without_leader: int = 0) -> dict[str, str]:
    found = {"replicas": str(replicas), "in sync": str(in_sync), "without leader": str(without_leader)}
    return {**topic_settings(86_400_000, replicas), **found}


def away() -> dict[str, str]:
    raise RawLogUnavailable("Kafka at secret-host:9092: no answer")


@pytest.mark.parametrize(
    ("found", "state", "said"),
    [
        (topic(), ReadinessState.OK, "every partition has 3 replicas in sync"),
        (topic(in_sync=2), ReadinessState.DEGRADED, "2 of 3 replicas in sync: a broker is away"),
        (topic(in_sync=1), ReadinessState.FAILED, "has 1 replicas in sync and needs 2"),
        (topic(without_leader=4), ReadinessState.FAILED, "4 partitions have no broker"),
    ],
)
def test_readiness_says_whether_messages_are_acknowledged(
    found: dict[str, str], state: ReadinessState, said: str
) -> None:
    result = kafka_readiness(lambda: found, lambda exc: None)
    assert result.state is state
    assert said in result.detail


def test_a_kafka_that_is_away_fails_and_its_address_is_only_logged() -> None:
    logged: list[Exception] = []
    result = kafka_readiness(away, logged.append)
    assert result.state is ReadinessState.FAILED
    assert "nothing is acknowledged" in result.detail
    assert "secret-host" not in result.detail
    assert "secret-host" in str(logged[0])


@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        (topic(), CheckStatus.OK, "every partition with 3 replicas in sync"),
        (topic(1, 1), CheckStatus.OK, "each message is on one broker"),
        (topic(in_sync=2), CheckStatus.WARN, "2 of 3 replicas in sync"),
        (topic(without_leader=1), CheckStatus.FAIL, "1 partitions have no broker"),
        ({**topic(), "min.insync.replicas": "1"}, CheckStatus.WARN, "min.insync.replicas is 1 and not 2"),
        ({**topic(), "retention.ms": "3600000"}, CheckStatus.WARN, "retention.ms is 3600000 and not 86400000"),
        ({**topic(), "cleanup.policy": "compact"}, CheckStatus.WARN, "cleanup.policy is compact and not delete"),
    ],
)
def test_doctor_compares_the_topic_with_what_it_should_be(
    found: dict[str, str], status: CheckStatus, said: str
) -> None:
    result = check_kafka(lambda: found, lambda replicas: topic_settings(86_400_000, replicas))
    assert result.status is status
    assert said in result.detail
    assert bool(result.hint) == (status is not CheckStatus.OK)


def test_doctor_says_where_the_log_is_and_what_to_do() -> None:
    assert "in the data directory" in check_kafka(None, lambda replicas: {}).detail
    result = check_kafka(away, lambda replicas: {})
    assert result.status is CheckStatus.FAIL
    assert "secret-host:9092: no answer" in result.detail
    assert "haulwatch kafka init" in result.hint


@pytest.mark.parametrize(
    ("error", "shown", "hint"),
    [
        (RawLogMisfit("topic x.raw has 12 partitions"), "another number of partitions", "HAULWATCH_KAFKA_PARTITIONS"),
        (KafkaRefused("Kafka at secret-host: refused", "the login is refused: do so"), "refuses us", "do so"),
        (TopicMissing("Kafka at secret-host has no topic"), "haulwatch kafka init", "haulwatch kafka init"),
        (RawLogUnavailable("Kafka at secret-host: no answer"), "does not answer", "HAULWATCH_KAFKA_URL"),
    ],
)
def test_each_trouble_has_its_own_words(error: RawLogError, shown: str, hint: str) -> None:
    def fails() -> dict[str, str]:
        raise error

    ready = kafka_readiness(fails, lambda exc: None)
    assert ready.state is ReadinessState.FAILED
    assert shown in ready.detail
    assert "secret-host" not in ready.detail
    result = check_kafka(fails, lambda replicas: {})
    assert result.status is CheckStatus.FAIL
    assert hint in result.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [("cleanup.policy", "compact"), ("min.insync.replicas", "1"), ("max.message.bytes", "1048588")],
)
def test_readiness_names_a_setting_that_is_not_as_it_should_be(name: str, value: str) -> None:
    result = kafka_readiness(
        lambda: {**topic(), name: value}, lambda exc: None, lambda replicas: topic_settings(86_400_000, replicas)
    )
    assert result.state is ReadinessState.DEGRADED
    assert f"{name} is {value} and not" in result.detail
    assert "haulwatch kafka init" in result.detail


def test_a_lag_that_grows_for_five_minutes_is_named() -> None:
    minute = 0.0
    watch = LagWatch(lambda: minute * 60)

    def look(judge: int) -> dict[str, int]:
        return watch.growing({"judge": judge, "recorder": 5_000, "idle": int(minute)})

    for minute in range(5):
        assert look(2_000 + int(minute) * 100) == {}
        assert look(9_000) == {}, "the lowest of a minute counts"
    minute = 5
    assert look(2_500) == {"judge": 2_500}
    result = kafka_readiness(topic, lambda exc: None, growing=lambda: look(2_600))
    assert result.state is ReadinessState.DEGRADED
    assert "judge 2,600" in result.detail
    minute = 6
    assert look(2_400) == {}, "it shrinks"


def test_doctor_names_a_reader_that_is_far_behind() -> None:
    def wanted(replicas: int) -> dict[str, str]:
        return dict(topic_settings(86_400_000, replicas))

    assert check_kafka(topic, wanted, lambda: {"judge": 100_000}).status is CheckStatus.OK
    result = check_kafka(topic, wanted, lambda: {"judge": 100_001, "recorder": 3})
    assert result.status is CheckStatus.WARN
    assert "judge 100,001" in result.detail
    assert "recorder" not in result.detail
