"""Stories of edge nodes: what the host passes on, asks for, and drops."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

import pytest

from devices.codecs.sparkplug.codec import SESSION
from devices.codecs.sparkplug.datatypes import DataType
from devices.codecs.sparkplug.payload import Metric, SparkplugPayload, read_payload, write_payload
from ingest.gateways.sparkplug.aliases import MAX_METRICS
from ingest.gateways.sparkplug.host import packed
from ingest.gateways.sparkplug.node import HEARD_EVERY_MS, MAX_KEPT
from ingest.gateways.sparkplug.outcomes import AskRebirth, Outcome, Republish
from ingest.gateways.sparkplug.rebirths import AT_ONCE, FIRST_PAUSE_MS
from ingest.gateways.sparkplug.sequence import MAX_PENDING_BYTES
from ingest.gateways.sparkplug.sessions import DEFAULT_REORDER_MS, MAX_MESSAGE_BYTES, MAX_NODES, Sessions, wanted_by
from tests.ingest.gateways.sparkplug.edge import GROUP, NODE, Edge, Sent

NOW: Final = 1_772_450_000_000
NAMES: Final = ("Rate", "Running")


class Host:
    """Sessions, and a clock that goes on by 10 ms a message."""

    def __init__(self, wanted: str = "*") -> None:
        self.sessions, self.now = Sessions(wanted_by(wanted)), NOW

    def hears(self, *messages: Sent) -> list[Outcome]:
        found = []
        for message in messages:
            self.now += 10
            found += self.sessions.receive(*message, self.now)
        return found

    def waits(self, ms: int) -> list[Outcome]:
        self.now += ms
        return self.sessions.tick(self.now)


def forms(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [
        (one.device_id, one.payload.uuid.removeprefix("haulwatch-1:")) for one in outcomes if isinstance(one, Republish)
    ]


def asked(outcomes: list[Outcome]) -> int:
    return sum(isinstance(one, AskRebirth) for one in outcomes)


def metrics_of(outcome: Outcome) -> dict[str, Metric]:
    assert isinstance(outcome, Republish)
    return {metric.name: metric for metric in outcome.payload.metrics}


@pytest.fixture
def edge() -> Edge:
    return Edge()


def test_a_node_and_its_line_live_and_die(edge: Edge) -> None:
    host = Host()
    outcomes = host.hears(
        edge.connect(NAMES), edge.device_birth("line-1", NAMES), edge.data("line-1", "Rate"), edge.death()
    )
    assert forms(outcomes) == [
        ("haul.ts3-gw", "NBIRTH"),
        ("haul.ts3-gw.line-1", "DBIRTH"),
        ("haul.ts3-gw.line-1", "DDATA"),
        ("haul.ts3-gw", "NDEATH"),
        ("haul.ts3-gw.line-1", "DDEATH"),
    ]
    death = outcomes[-1]
    assert isinstance(death, Republish)
    assert death.payload.timestamp == host.now  # not that of the will, which was written at the connect


def test_what_did_not_change_completes_a_message(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES), edge.device_birth("line-1", NAMES))
    [data] = host.hears(edge.data("line-1", "Rate"))
    found = metrics_of(data)
    assert (found["Rate"].is_kept, found["Running"].is_kept) == (False, True)
    assert found["Running"].value == "line-1/Running"


def test_a_session_ends_by_its_number_and_the_next_one_is_higher(edge: Edge) -> None:
    host = Host()
    outcomes = host.hears(edge.connect(NAMES), edge.data("", "Rate"), edge.death(), edge.connect(NAMES))
    sessions = [metrics_of(one)[SESSION].value for one in outcomes]
    first, data, death, second = sessions
    assert first == data == death
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert second > first


def test_a_rebirth_keeps_the_session(edge: Edge) -> None:
    host = Host()
    birth, again = host.hears(edge.connect(NAMES), edge.rebirth(NAMES))
    assert metrics_of(birth)[SESSION].value == metrics_of(again)[SESSION].value


def test_a_new_session_without_a_death_ends_the_devices_of_the_old_one(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES), edge.device_birth("line-1", NAMES))
    outcomes = host.hears(edge.connect(NAMES))
    assert forms(outcomes) == [
        ("haul.ts3-gw", "NDEATH"),
        ("haul.ts3-gw.line-1", "DDEATH"),
        ("haul.ts3-gw", "NBIRTH"),
    ]


def test_a_gap_asks_once_and_drops_what_may_be_stale(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES))
    edge.data("", "Rate")  # is lost
    assert host.hears(*(edge.data("", "Rate") for _ in range(5))) == []
    outcomes = host.waits(DEFAULT_REORDER_MS)
    assert asked(outcomes) == 1
    assert host.hears(*(edge.data("", "Rate") for _ in range(5))) != []
    assert host.sessions.counts["rebirths_asked"] == 1  # the pause before the next request is not over
    assert host.sessions.counts["no_birth"] == 10
    assert forms(host.hears(edge.rebirth(NAMES), edge.data("", "Rate"))) == [
        ("haul.ts3-gw", "NBIRTH"),
        ("haul.ts3-gw", "NDATA"),
    ]


def test_a_message_that_comes_in_time_closes_the_gap(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES))
    late, early = edge.data("", "Rate"), edge.data("", "Running")
    assert host.hears(early) == []
    assert [set(metrics_of(one)) for one in host.hears(late)] == [{SESSION, *NAMES}] * 2
    assert host.waits(DEFAULT_REORDER_MS) == []


def test_a_device_that_is_born_again_has_its_new_aliases(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES), edge.device_birth("line-1", NAMES), edge.device_birth("line-1", NAMES[::-1]))
    for name in NAMES:
        [data] = host.hears(edge.data("line-1", name))
        assert [one.value for one in metrics_of(data).values() if one.name in NAMES and not one.is_kept] == [
            f"line-1/{name}"
        ]


def test_changes_of_one_millisecond_count_one_after_the_other(edge: Edge) -> None:
    """Else the second one would be a conflict, and the line stay as it was half changed."""
    host, topic = Host(), f"spBv1.0/{GROUP}/DDATA/{NODE}/line-1"
    host.hears(edge.connect(NAMES), edge.device_birth("line-1", NAMES))
    found = []
    for seq, ts in ((2, NOW), (3, NOW), (4, NOW), (5, NOW + 1), (6, NOW + 50), (7, NOW - 50)):
        metric = Metric("Rate", timestamp=ts, value=f"line-1/{seq}")
        [data] = host.hears(Sent(topic, write_payload(SparkplugPayload(ts, seq, (metric,)))))
        assert isinstance(data, Republish)
        found.append((metrics_of(data)["Rate"].timestamp, data.payload.timestamp))
    assert [(value - NOW, message - NOW) for value, message in found if value and message] == [
        (0, 0), (1, 1), (2, 2), (3, 3), (50, 50), (-50, -50),
    ]  # fmt: skip


def test_a_repeated_message_leads_to_nothing(edge: Edge) -> None:
    host = Host()
    data = edge.connect(NAMES), edge.data("", "Rate")
    host.hears(*data)
    assert forms(host.hears(data[1])) == []
    assert host.sessions.counts["repeated"] == 1
    assert asked(host.waits(DEFAULT_REORDER_MS)) == 0
    assert len(forms(host.hears(edge.data("", "Rate")))) == 1


def test_a_node_that_gives_no_birth_is_asked_ever_more_seldom(edge: Edge) -> None:
    host, times = Host(), []
    for _ in range(2_000):
        host.now += 1_000
        if asked(host.sessions.receive(*edge.data("", "Rate"), host.now)):
            times.append(host.now)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] == FIRST_PAUSE_MS
    assert pauses == sorted(pauses)
    assert len(times) < 10


def test_all_nodes_together_are_asked_a_few_at_once() -> None:
    host = Host()
    messages = [
        Sent(f"spBv1.0/haul/NDATA/node-{number}", Edge().data("", "Rate").payload) for number in range(5 * AT_ONCE)
    ]
    found = [one for message in messages for one in host.sessions.receive(*message, NOW)]
    assert asked(found) == AT_ONCE
    later = [one for second in range(1, 60) for one in host.sessions.tick(NOW + 1_000 * second)]
    assert asked(found + later) == 5 * AT_ONCE  # nobody is forgotten


def test_a_lost_connection_leaves_nodes_in_doubt_and_their_deaths_count(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES), edge.device_birth("line-1", NAMES))
    host.sessions.connection_was_lost()
    assert asked(host.waits(250)) == 1
    assert forms(host.hears(edge.data("line-1", "Rate"))) == []
    assert forms(host.hears(edge.death())) == [("haul.ts3-gw", "NDEATH"), ("haul.ts3-gw.line-1", "DDEATH")]


def test_an_alias_that_was_given_twice_names_neither(edge: Edge) -> None:
    host = Host()
    twice = tuple(Metric(name, 7, NOW, DataType.DOUBLE, 1.0) for name in NAMES)
    born = SparkplugPayload(NOW, 0, (Metric("bdSeq", datatype=DataType.INT64, value=0), *twice))
    data = SparkplugPayload(NOW, 1, (Metric(alias=7, value=2.0), Metric("Rate", value=3.0)))
    topic = f"spBv1.0/{GROUP}/{{}}/{NODE}"
    host.hears(Sent(topic.format("NBIRTH"), write_payload(born)))
    outcomes = host.hears(Sent(topic.format("NDATA"), write_payload(data)))
    assert {name: metric.value for name, metric in metrics_of(outcomes[-1]).items() if not metric.is_kept} == {
        SESSION: NOW + 10,
        "Rate": 3.0,
    }
    assert (host.sessions.counts["ambiguous"], asked(outcomes)) == (1, 0)


def test_a_number_that_is_left_out_after_255_is_zero(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES), *(edge.data("", "Rate") for _ in range(255)))
    topic, payload = edge.data("", "Rate")
    assert read_payload(payload).seq == 0
    without = write_payload(replace(read_payload(payload), seq=None))
    assert len(forms(host.hears(Sent(topic, without), edge.data("", "Rate")))) == 2
    host.hears(Sent(topic, without))
    assert host.sessions.counts["no_seq"] == 1  # anywhere else it is a fault


def test_only_wanted_metrics_are_passed_on_and_a_sign_of_life_now_and_then(edge: Edge) -> None:
    host = Host("Ra*, Level")
    [_, birth] = host.hears(edge.connect(NAMES), edge.device_birth("line-1", NAMES))
    assert metrics_of(birth).keys() == {SESSION, "Rate"}
    assert forms(host.hears(edge.data("line-1", "Running"))) == []
    assert host.sessions.counts["unwanted"] == 1
    host.now += HEARD_EVERY_MS
    [heard] = host.hears(edge.data("line-1", "Running"))
    assert [name for name, metric in metrics_of(heard).items() if not metric.is_kept] == [SESSION]


def births_of(count: int) -> Iterator[Metric]:
    yield Metric("bdSeq", datatype=DataType.INT64, value=0)
    for number in range(count):
        yield Metric(f"m{number}", number, NOW, DataType.DOUBLE, 1.0)


def test_a_birth_beyond_the_bounds_is_cut_or_refused() -> None:
    host, topic = Host(), f"spBv1.0/{GROUP}/{{}}/{NODE}"
    host.hears(Sent(topic.format("NBIRTH"), write_payload(SparkplugPayload(NOW, 0, tuple(births_of(MAX_KEPT + 50))))))
    assert host.sessions.counts["too_many"] == 1
    assert host.sessions.is_online(GROUP, NODE)
    half = tuple(births_of(9_800))[1:]
    for number in range(1, 4):
        born = SparkplugPayload(NOW, number, half)
        host.hears(Sent(topic.format("DBIRTH") + f"/d{number}", write_payload(born)))
    assert 3 * len(half) > MAX_METRICS
    assert [host.sessions.is_online(GROUP, NODE, f"d{number}") for number in (1, 2, 3)] == [True, True, False]
    large = host.hears(Sent(topic.format("NDATA"), bytes(MAX_MESSAGE_BYTES + 1)))
    assert forms(large) == []
    assert host.sessions.counts["too_large"] == 1


def test_what_waits_for_a_missing_message_has_a_bound(edge: Edge) -> None:
    host = Host()
    host.hears(edge.connect(NAMES))
    edge.data("", "Rate")  # is lost
    topic, payload = edge.data("", "Rate")
    heavy = replace(read_payload(payload), uuid="x" * (MAX_PENDING_BYTES - 100))
    assert host.hears(Sent(topic, write_payload(heavy))) == []
    assert asked(host.hears(edge.data("", "Rate"))) == 0
    assert asked(host.hears(Sent(topic, write_payload(replace(heavy, seq=9))))) == 1  # it does not wait for the timer


def test_many_nodes_have_a_bound_and_dead_ones_make_room() -> None:
    host, birth, death = Host(), Edge().connect(NAMES).payload, Edge()
    death.bd_seq = 0
    for number in range(MAX_NODES):
        host.sessions.receive(f"spBv1.0/haul/NBIRTH/n{number}", birth, NOW)
    assert host.sessions.online == MAX_NODES
    host.sessions.receive("spBv1.0/haul/NBIRTH/more", birth, NOW)
    assert not host.sessions.is_online("haul", "more")
    host.sessions.receive("spBv1.0/haul/NDEATH/n7", death.death().payload, NOW)
    host.sessions.receive("spBv1.0/haul/NBIRTH/more", birth, NOW)
    assert host.sessions.is_online("haul", "more")


def test_a_message_that_is_too_large_loses_what_did_not_change() -> None:
    sent = Metric("Rate", datatype=DataType.DOUBLE, value=1.0)
    kept = Metric("Text", datatype=DataType.STRING, value="x" * 1_000, is_kept=True)
    message = Republish("haul.ts3-gw", SparkplugPayload(NOW, None, (sent, kept)))
    small = packed(message, 200)
    assert small is not None
    assert read_payload(small).metrics == (sent,)
    assert packed(message, 2_000) == write_payload(message.payload)
    assert packed(message, 10) is None


def test_a_time_at_the_end_of_its_range_stops_nothing() -> None:
    """A clock of -1, twice: the second message is set a millisecond apart, beyond 64 bits."""
    last = (1 << 64) - 1
    sessions, found = Sessions(lambda _: True), []
    for seq, kind in enumerate(("NBIRTH", "NDATA", "NDATA")):
        metrics = (Metric("Rate", None, last, DataType.DOUBLE, 1.0),)
        payload = write_payload(SparkplugPayload(last, seq, metrics))
        found += sessions.receive(f"spBv1.0/haul/{kind}/ts3-gw", payload, 1_795_000_000_000)
    assert [packed(one, 65_536) is not None for one in found if isinstance(one, Republish)] == [True, False, False]
