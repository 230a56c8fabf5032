"""Fixtures for the tests of ingestion."""

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.mqtt.source import MqttSource
from ingest.mqtt.url import MqttUrl
from tests.ingest.mqtt.parts import MakeSource


@pytest.fixture
def make_source() -> Iterator[MakeSource]:
    """Makes sources, and closes them at the end: `make_source(url, "client id", keepalive_s=1)`."""
    made: list[MqttSource] = []

    def make(url: str, *args: Any, **options: Any) -> MqttSource:
        made.append(MqttSource(MqttUrl.parse(url), *args, **options))
        return made[-1]

    yield make
    for source in made:
        source.close()
