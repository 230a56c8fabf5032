"""What /readyz and doctor say of the judges that share partitions."""

import pytest

from api.ports import ReadinessState
from haulwatch.health.check_result import CheckStatus
from haulwatch.health.fleet import HANDED_OVER_S, FleetReadiness
from haulwatch.health.kafka import check_kafka
from ingest.log.errors import RawLogUnavailable
from ingest.log.kafka.figures import FleetFigures
from ingest.log.kafka.topic import topic_settings

ONE_OF_THREE = FleetFigures("city/judge-2/41", members=3, lag=12)
NOBODY = FleetFigures("", members=0, lag=12)


class Judges:
    """What is asked, and the time."""

    def __init__(self) -> None:
        self.found, self.damaged, self.now = ONE_OF_THREE, 0, 0.0
        self.away = False
        self.warned: list[Exception] = []
        self.readiness = FleetReadiness(self.figures, lambda: self.damaged, self.warned.append, lambda: self.now)

    def figures(self) -> FleetFigures:
        if self.away:
            raise RawLogUnavailable("Kafka at secret-host:9092: no answer")
        return self.found


def test_the_verdicts_without_an_owner_are_a_hand_over_first_and_a_failure_later() -> None:
    judges = Judges()
    assert "2 would take over" in judges.readiness.result().detail
    judges.found = NOBODY
    assert judges.readiness.result().state is ReadinessState.DEGRADED
    judges.now = HANDED_OVER_S
    assert judges.readiness.result().state is ReadinessState.DEGRADED
    judges.now += 1
    failed = judges.readiness.result()
    assert failed.state is ReadinessState.FAILED
    assert "no alert is raised: start `haulwatch judge`" in failed.detail
    judges.found = ONE_OF_THREE
    assert judges.readiness.result().state is ReadinessState.OK
    judges.found, judges.now = NOBODY, judges.now + 100
    assert judges.readiness.result().state is ReadinessState.DEGRADED, "the time counts anew"


def test_damaged_verdicts_are_named_for_an_hour() -> None:
    judges = Judges()
    judges.damaged = 2
    assert "2 records with verdicts were damaged" in judges.readiness.result().detail
    judges.now = 3_599.0
    assert judges.readiness.result().state is ReadinessState.DEGRADED
    judges.now = 3_600.0
    assert judges.readiness.result().state is ReadinessState.OK


def test_a_kafka_that_is_away_is_the_other_checks_and_its_address_is_only_logged() -> None:
    judges = Judges()
    judges.away = True
    result = judges.readiness.result()
    assert result.state is ReadinessState.DEGRADED
    assert "secret-host" not in result.detail
    assert "secret-host" in str(judges.warned[0])


@pytest.mark.parametrize(
    ("found", "status", "detail"),
    [
        (ONE_OF_THREE, CheckStatus.OK, "city/judge-2/41 judges verdicts, 2 would take over"),
        (NOBODY, CheckStatus.WARN, "no judge has the verdicts"),
    ],
)
def test_doctor_names_who_judges_verdicts(found: FleetFigures, status: CheckStatus, detail: str) -> None:
    settings = topic_settings(86_400_000, 3)
    topic = {**settings, "replicas": "3", "in sync": "3", "without leader": "0"}
    result = check_kafka(lambda: topic, lambda replicas: settings, fleet=lambda: found)
    assert result.status is status
    assert detail in result.detail
    assert bool(result.hint) == (status is CheckStatus.WARN)
