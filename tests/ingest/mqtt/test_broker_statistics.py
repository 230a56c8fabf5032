"""The broker's own counters, heard one by one, and on a real Mosquitto that is made to drop."""

import asyncio
import logging
from collections.abc import Callable

import pytest
from aiomqtt import Client, MqttError, ProtocolVersion

from ingest.mqtt.broker_statistics import BrokerCounters, BrokerStatistics
from ingest.mqtt.url import MqttUrl
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto

DROPPED = "$SYS/broker/publish/messages/dropped"
PATIENCE_S = 20


def watch_on(url: str = "mqtt://127.0.0.1:1883", now: Callable[[], int] = lambda: 1_000) -> BrokerStatistics:
    return BrokerStatistics(MqttUrl.parse(url), "test", now)


def test_what_grows_while_it_watches_is_an_alarm_and_what_was_before_is_not(caplog: pytest.LogCaptureFixture) -> None:
    now = 100_000
    watch = watch_on(now=lambda: now)
    watch.hear(DROPPED, b"70")
    assert (watch.counters.dropped, watch.counters.dropped_at) == (0, None), "dropped before anybody watched"
    now += 10_000
    watch.hear(DROPPED, b"75")
    assert (watch.counters.dropped, watch.counters.dropped_at) == (5, 110_000)
    now += 10_000
    watch.hear(DROPPED, b"75")
    assert watch.counters.dropped_at == 110_000, "said again, not more"
    watch.hear(DROPPED, b"0")
    assert watch.counters.dropped == 5, "the broker was started again"
    watch.hear(DROPPED, b"2")
    assert (watch.counters.dropped, watch.counters.values["dropped"]) == (7, 2)
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 1, "once a minute"


def test_what_is_no_number_or_no_counter_is_passed_over() -> None:
    watch = watch_on()
    for topic, payload in (
        ("$SYS/broker/version", b"mosquitto version 2.0.11"),
        (DROPPED, b"many"),
        ("$SYS/broker/load/publish/received/1min", b"12.50"),
    ):
        watch.hear(topic, payload)
    assert watch.counters.values == {"received_per_min": 12.5}


async def until(watch: BrokerStatistics, seen: Callable[[BrokerCounters], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not seen(watch.counters):  # noqa: ASYNC110 - the broker has no event for us
            await asyncio.sleep(0.05)


@pytest.mark.real
async def test_a_real_broker_that_drops_is_seen_to_and_its_return_too(
    start_mosquitto: Callable[..., Mosquitto],
) -> None:
    broker = start_mosquitto(more_config="sys_interval 1\nmax_queued_messages 10\n")
    watch = watch_on(broker.url)
    running = asyncio.create_task(watch.run())
    await until(watch, lambda found: "clients_connected" in found.values and "dropped" in found.values)
    assert watch.counters.connected
    assert watch.counters.dropped == 0

    # Somebody with a queue of ten is away, and a hundred messages come for him.
    async with Client("127.0.0.1", broker.port, identifier="away", clean_session=False) as away:
        await away.subscribe("some/topic", qos=1)
    async with Client("127.0.0.1", broker.port, protocol=ProtocolVersion.V311) as device:
        for number in range(100):
            await device.publish("some/topic", str(number), qos=1)
    await until(watch, lambda found: found.dropped >= 90)
    assert watch.counters.dropped_at is not None
    assert watch.counters.values["dropped"] == watch.counters.dropped == 90

    broker.kill()
    await until(watch, lambda found: not found.connected)
    broker.start()
    await until(watch, lambda found: found.connected)
    running.cancel()
    await asyncio.wait([running])


@pytest.mark.real
async def test_the_collectors_session_is_another_one(mosquitto: Mosquitto) -> None:
    """Two watches, as two API processes have them, and a client with the collector's name."""
    watches = [watch_on(mosquitto.url) for _ in range(2)]
    running = [asyncio.create_task(watch.run()) for watch in watches]
    async with Client("127.0.0.1", mosquitto.port, identifier="test") as collector:
        for watch in watches:
            await until(watch, lambda found: found.connected)
        await collector.publish("t", b"", qos=1)  # still connected
    for task in running:
        task.cancel()
    await asyncio.wait(running)


async def test_a_broker_that_is_not_there_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = watch_on(f"mqtt://127.0.0.1:{free_port()}")
    running = asyncio.create_task(watch.run())
    await until(watch, lambda _: "cannot be read" in caplog.text)
    assert watch.counters == BrokerCounters()
    with pytest.raises(MqttError):
        await watch._listen()
    running.cancel()
    await asyncio.wait([running])
