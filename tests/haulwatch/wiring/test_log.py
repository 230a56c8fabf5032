"""A process whose parts ask Kafka while they are built waits where it falls silent, and does not end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from haulwatch.settings.load import Settings, load_settings
from haulwatch.wiring import log
from haulwatch.wiring.log import once_log_answers
from ingest.log.errors import RawLogMisfit, RawLogUnavailable

ON_KAFKA = {
    "HAULWATCH_KAFKA_URL": "kafka://nowhere:1",
    "HAULWATCH_DATABASE_URL": "postgresql://user:password@nowhere/haulwatch",
}


class Process:
    """Its parts ask Kafka, which answers after so many failures."""

    def __init__(self, *failures: Exception) -> None:
        self.failures, self.opened, self.closed = list(failures), 0, 0

    @asynccontextmanager
    async def parts(self) -> AsyncIterator[str]:
        self.opened += 1
        try:
            if self.failures:
                raise self.failures.pop(0)
            yield "parts"
        finally:
            self.closed += 1


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(log, "_FIRST_RETRY_S", 0.001)
    return load_settings(ON_KAFKA)


async def test_parts_are_built_again_until_kafka_answers(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    process = Process(*[RawLogUnavailable("silent for 3 s")] * 2)
    async with once_log_answers(process.parts, settings, asyncio.Event()) as parts:
        assert parts == "parts"
        assert (process.opened, process.closed) == (3, 2)
    assert process.closed == 3
    assert caplog.text.count("Kafka does not answer, starting again") == 2


async def test_who_is_stopped_meanwhile_builds_nothing_more(settings: Settings) -> None:
    stop = asyncio.Event()
    stop.set()
    process = Process()
    async with once_log_answers(process.parts, settings, stop) as parts:
        assert parts is None
    assert process.opened == 0


@pytest.mark.parametrize(
    ("values", "failure"), [(ON_KAFKA, RawLogMisfit("another topic")), ({}, RawLogUnavailable("disk full"))]
)
async def test_what_a_person_must_mend_and_a_log_on_disk_end_the_process(
    values: dict[str, str], failure: Exception
) -> None:
    process = Process(failure)
    with pytest.raises(type(failure)):
        async with once_log_answers(process.parts, load_settings(values), asyncio.Event()):
            pytest.fail("it was built")
    assert process.opened == 1


async def test_what_fails_once_it_is_built_is_its_own(settings: Settings) -> None:
    process = Process()
    with pytest.raises(RawLogUnavailable):
        async with once_log_answers(process.parts, settings, asyncio.Event()):
            raise RawLogUnavailable("later")
    assert process.opened == 1
