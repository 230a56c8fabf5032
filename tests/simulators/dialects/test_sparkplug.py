"""Simulated edge nodes: many of them on one broker, and one that nobody answers."""

import asyncio

import pytest

from simulators.dialects.broker import Broker, BrokerLost
from simulators.dialects.sparkplug import Faults, Stay, Tally, run_edge_nodes
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto


@pytest.mark.real
async def test_nodes_report_so_often_and_leave(tmp_path_factory: pytest.TempPathFactory) -> None:
    broker, tally = Mosquitto(tmp_path_factory.mktemp("broker")), Tally()
    broker.start()
    try:
        stay = Stay(0.01, 3, Faults(repeat=0.5, lose=0.3))
        await run_edge_nodes(4, Broker("127.0.0.1", broker.port), stay, 3, asyncio.Event(), tally)
    finally:
        broker.kill()
    assert tally.sent + tally.lost == 4 * (3 + 1)
    assert tally.repeated > 0
    assert (tally.connections, tally.births, tally.trouble) == (4, 8, "")


async def test_a_broker_that_is_not_there_is_named() -> None:
    address, tally = Broker("127.0.0.1", free_port()), Tally()
    with pytest.RaisesGroup(BrokerLost):
        await run_edge_nodes(1, address, Stay(0.01, 1), 3, asyncio.Event(), tally)
    assert str(address.port) in tally.trouble
