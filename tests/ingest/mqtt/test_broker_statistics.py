"""The broker's own counters: one by one, and from a real Mosquitto that is made to drop messages."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from aiomqtt import Client, ProtocolVersion

from ingest.mqtt.broker_statistics import BrokerCounters, BrokerStatistics
from ingest.mqtt.client import BrokerUnavailable
from ingest.mqtt.url import MqttUrl
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

DROPPED = "$SYS/broker/publish/messages/dropped"


def statistics_of(url: str = "mqtt://127.0.0.1:1883", now: Callable[[], int] = lambda: 1_000) -> BrokerStatistics:
    return BrokerStatistics(MqttUrl.parse(url), "test", now)


def test_messages_dropped_while_it_runs_are_an_alarm_and_those_dropped_before_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 100_000
    statistics = statistics_of(now=lambda: now)
    statistics.update(DROPPED, b"70")
    assert (statistics.counters.dropped, statistics.counters.dropped_at) == (0, None), (
        "dropped before this process started"
    )
    now += 10_000
    statistics.update(DROPPED, b"75")
    assert (statistics.counters.dropped, statistics.counters.dropped_at) == (5, 110_000)
    now += 10_000
    statistics.update(DROPPED, b"75")
    assert statistics.counters.dropped_at == 110_000, "published again, not more"
    statistics.update(DROPPED, b"0")
    assert statistics.counters.dropped == 5, "the broker was started again"
    statistics.update(DROPPED, b"2")
    assert (statistics.counters.dropped, statistics.counters.values["dropped"]) == (7, 2)
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 1, "once a minute"


def test_payloads_that_are_no_number_and_other_topics_are_ignored() -> None:
    statistics = statistics_of()
    for topic, payload in (
        ("$SYS/broker/version", b"mosquitto version 2.0.11"),
        (DROPPED, b"many"),
        ("$SYS/broker/load/publish/received/1min", b"12.50"),
    ):
        statistics.update(topic, payload)
    assert statistics.counters.values == {"received_per_min": 12.5}


async def until(statistics: BrokerStatistics, condition: Callable[[BrokerCounters], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition(statistics.counters):  # noqa: ASYNC110 - the broker has no event for us
            await asyncio.sleep(0.05)


@pytest.mark.real
async def test_a_real_broker_that_drops_messages_is_noticed_and_so_is_its_return(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto(more_config="sys_interval 1\nmax_queued_messages 10\n")
    statistics = statistics_of(broker.url)
    running = asyncio.create_task(statistics.run())
    await until(statistics, lambda counters: "clients_connected" in counters.values and "dropped" in counters.values)
    assert statistics.counters.connected
    assert statistics.counters.dropped == 0

    # A client with a queue of ten is away, and a hundred messages come for it.
    async with Client("127.0.0.1", broker.port, identifier="away", clean_session=False) as away:
        await away.subscribe("some/topic", qos=1)
    async with Client("127.0.0.1", broker.port, protocol=ProtocolVersion.V311) as device:
        for number in range(100):
            await device.publish("some/topic", str(number), qos=1)
    await until(statistics, lambda counters: counters.dropped >= 90)
    assert statistics.counters.dropped_at is not None
    assert statistics.counters.values["dropped"] == statistics.counters.dropped == 90

    broker.kill()
    await until(statistics, lambda counters: not counters.connected)
    broker.start()
    await until(statistics, lambda counters: counters.connected)
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.real
async def test_it_does_not_use_the_collectors_session(mosquitto: Mosquitto) -> None:
    """Two instances, as two API processes have them, and a client with the collector's client id."""
    both = [statistics_of(mosquitto.url) for _ in range(2)]
    running = [asyncio.create_task(statistics.run()) for statistics in both]
    async with Client("127.0.0.1", mosquitto.port, identifier="test") as collector:
        for statistics in both:
            await until(statistics, lambda counters: counters.connected)
        await collector.publish("t", b"", qos=1)  # still connected
    for task in running:
        task.cancel()
    await asyncio.wait(running)


async def test_a_broker_that_is_not_there_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    statistics = statistics_of(f"mqtt://127.0.0.1:{free_port()}")
    running = asyncio.create_task(statistics.run())
    await until(statistics, lambda _: "cannot be read" in caplog.text)
    assert statistics.counters == BrokerCounters()
    with pytest.raises(BrokerUnavailable):
        await statistics._listen()
    running.cancel()
    await asyncio.wait([running])
