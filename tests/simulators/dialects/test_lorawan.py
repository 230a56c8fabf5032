"""Simulated bins speak as the network servers do: the codecs read each level that they count, and no other."""

import asyncio
from typing import Final, get_args

import pytest

from devices.codecs.registry import CODECS
from devices.readings.decoding import Decoding
from devices.readings.models import Fill, Status
from simulators.dialects.broker import Broker
from simulators.dialects.lorawan import DEPTH_MM, Bin, Faults, Message, Server, Stay, Tally, run_bins
from tests.servers.mosquitto import Mosquitto

NOW: Final = 1_772_450_000_000
SERVERS: Final[tuple[Server, ...]] = get_args(Server)


def decoded(message: Message, dialect: str) -> list[object]:
    decoding = Decoding(dialect, "em400-tld", depth_mm=DEPTH_MM)
    return list(CODECS.decode(message.topic, message.payload, decoding=decoding))


@pytest.mark.parametrize("server", SERVERS)
def test_every_level_is_read_once_whatever_goes_wrong(server: Server) -> None:
    tally = Tally()
    bins = [Bin(number, server, 5, tally) for number in range(5)]
    faults = Faults(repeat=0.3, lose=0.2, rejoin=0.2, others=0.3)
    messages = [message for step in range(40) for one in bins for message in one.messages(NOW + 1_000 * step, faults)]
    read = [message for message in messages if CODECS.dialect_of(message.topic) == server]
    assert len(read) < len(messages)  # acknowledgements are nobody's
    items = [item for message in read for item in decoded(message, server)]
    levels = {(item.device_id, item.ts): item for item in items if isinstance(item, Fill)}
    births = [item for item in items if isinstance(item, Status) and item.cause == "birth"]
    assert len(levels) == tally.levels == 200 - tally.lost
    assert len(births) == tally.joins > 0
    assert {fill.device_id for fill in levels.values()} == {one.device_id for one in bins}
    assert {fill.seq for fill in levels.values()} >= {0}  # a counter that began anew
    assert len({fill.fill_pct for fill in levels.values()}) > 50


@pytest.mark.real
async def test_bins_publish_to_a_broker(tmp_path_factory: pytest.TempPathFactory) -> None:
    broker, tally = Mosquitto(tmp_path_factory.mktemp("broker")), Tally()
    broker.start()
    try:
        bins = [Bin(number, "ttn", 5, tally) for number in range(3)]
        await run_bins(bins, Broker("127.0.0.1", broker.port), Stay(0.01, 2), tally, asyncio.Event())
    finally:
        broker.kill()
    assert (tally.levels, tally.messages) == (6, 6)
