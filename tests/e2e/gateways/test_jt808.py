"""Terminals of JT/T 808 on the whole path: what the gateway answered is stored, also when it was killed meanwhile."""

from collections.abc import Callable

import pytest

from tests.chaos.gateways.jt808_yard import Plan, Yard, judge
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto

PLAN = Plan(terminals=100, reports=12, pause_s=0.1, kills=2)


@pytest.mark.real
@pytest.mark.long
def test_a_hundred_terminals_lose_nothing_that_was_answered(
    install: Callable[..., Installation], mosquitto: Mosquitto
) -> None:
    outcome = Yard(install("terminals", HAULWATCH_MQTT_URL=mosquitto.url), PLAN).run()
    assert judge(outcome, PLAN) == []
    assert outcome.tally.from_blind_areas > 0
    assert outcome.tally.connections > PLAN.terminals
