"""A truck by JT/T 808, a bin by ChirpStack, a line by Sparkplug B and a bridge by serial line raise what natives do."""

from collections.abc import Callable

import pytest

from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.twins.heard import raised, wrong
from tests.twins.yard import Yard


@pytest.mark.real
@pytest.mark.long
def test_twins_raise_what_their_story_says_and_the_same(
    install: Callable[..., Installation], mosquitto: Mosquitto
) -> None:
    haulwatch = install("twins", HAULWATCH_MQTT_URL=mosquitto.url)
    yard = Yard(haulwatch, mosquitto)
    yard.run()
    assert wrong(raised(haulwatch.folder / "haulwatch.db"), yard.labels) == []
