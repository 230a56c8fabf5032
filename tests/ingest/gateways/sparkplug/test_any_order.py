"""Births, data and deaths in any order, lost, repeated and swapped: no value ever gets the name of another metric."""

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from devices.codecs.sparkplug.codec import SESSION
from devices.codecs.sparkplug.topics import device_id_of
from ingest.gateways.sparkplug.outcomes import AskRebirth, Outcome, Republish
from ingest.gateways.sparkplug.sessions import DEFAULT_REORDER_MS, Sessions, wanted_by
from tests.ingest.gateways.sparkplug.edge import GROUP, NODE, Edge, Sent

DEVICES: Final = ("line-1", "line-22")
NAMES: Final = ("Rate", "Running", "Total")
NEAR: Final = 5
"""So many messages on the wire may overtake each other: a repeat must not come a whole round of numbers later."""


def named(outcomes: list[Outcome]) -> list[tuple[str, str, object]]:
    """Device id, name and value of every metric that was republished, but for those of the gateway itself."""
    return [
        (one.device_id, metric.name, metric.value)
        for one in outcomes
        if isinstance(one, Republish)
        for metric in one.payload.metrics
        if metric.name not in {SESSION, "bdSeq"}
    ]


def check_names(outcomes: list[Outcome]) -> None:
    for device_id, name, value in named(outcomes):
        device, _, true_name = str(value).partition("/")
        assert (device_id, name) == (device_id_of(GROUP, NODE, device), true_name)


class EdgeAndHost(RuleBasedStateMachine):
    """The wire between them loses, repeats and swaps. Deaths come by QoS 1, and before the next session begins."""

    @initialize()
    def start(self) -> None:
        self.edge, self.sessions, self.now = Edge(), Sessions(wanted_by("*")), 1_772_450_000_000
        self.wire: list[Sent] = []
        self.came: list[Sent] = []
        self.born: set[str] = set()
        self.send(self.edge.connect(NAMES))

    def send(self, message: Sent) -> None:
        self.wire.append(message)

    def deliver(self, message: Sent) -> list[Outcome]:
        self.now += 7
        outcomes = self.sessions.receive(*message, self.now)
        check_names(outcomes)
        self.check_births(outcomes)
        return outcomes

    def check_births(self, outcomes: list[Outcome]) -> None:
        """Data follow a birth of the device that follows the newest birth of the node."""
        for one in outcomes:
            if not isinstance(one, Republish):
                continue
            match one.payload.uuid.rpartition(":")[2]:
                case "NBIRTH":
                    self.born = {one.device_id}
                case "DBIRTH":
                    self.born.add(one.device_id)
                case "NDEATH" | "DDEATH":
                    self.born.discard(one.device_id)
                case _:
                    assert one.device_id in self.born

    def deliver_all(self) -> None:
        while self.wire:
            self.deliver(self.wire.pop(0))
        self.came.clear()

    @rule()
    def the_edge_connects_again(self) -> None:
        self.deliver_all()
        self.deliver(self.edge.death())
        assert not self.sessions.is_online(GROUP, NODE)
        self.send(self.edge.connect(NAMES))

    @rule()
    def the_edge_is_born_again(self) -> None:
        self.send(self.edge.rebirth(NAMES))

    @rule(device=st.sampled_from(DEVICES))
    def a_device_is_born(self, device: str) -> None:
        self.send(self.edge.device_birth(device, NAMES))

    @rule(device=st.sampled_from(("", *DEVICES)), name=st.sampled_from(NAMES))
    def something_changes(self, device: str, name: str) -> None:
        self.send(self.edge.data(device, name))

    @rule(device=st.sampled_from(DEVICES))
    def a_device_dies(self, device: str) -> None:
        self.send(self.edge.device_death(device))

    @rule(back=st.integers(1, 255))
    def a_death_comes_late(self, back: int) -> None:
        online = self.sessions.is_online(GROUP, NODE)
        self.deliver(self.edge.death((self.edge.bd_seq - back) % 256))
        assert self.sessions.is_online(GROUP, NODE) == online

    @precondition(lambda self: self.wire)
    @rule(place=st.integers(0, NEAR - 1))
    def one_arrives(self, place: int) -> None:
        message = self.wire.pop(min(place, len(self.wire) - 1))
        self.came = [*self.came, message][-NEAR:]
        self.deliver(message)

    @precondition(lambda self: self.wire)
    @rule(place=st.integers(0, NEAR - 1))
    def one_is_lost(self, place: int) -> None:
        self.wire.pop(min(place, len(self.wire) - 1))

    @precondition(lambda self: self.came)
    @rule(place=st.integers(0, NEAR - 1))
    def one_is_repeated(self, place: int) -> None:
        self.deliver(self.came[min(place, len(self.came) - 1)])

    @rule(waits_ms=st.sampled_from((50, DEFAULT_REORDER_MS, 60_000)))
    def time_passes(self, waits_ms: int) -> None:
        self.now += waits_ms
        assert not named(self.sessions.tick(self.now))

    @rule()
    def the_host_loses_its_connection(self) -> None:
        self.wire.clear()
        self.sessions.connection_was_lost()

    def teardown(self) -> None:
        """Whatever happened: the births that a host may ask for make everything understood again."""
        self.deliver_all()
        births = [self.edge.rebirth(NAMES), *(self.edge.device_birth(device, NAMES) for device in DEVICES)]
        for message in births:
            self.deliver(message)
        outcomes = [one for device in DEVICES for one in self.deliver(self.edge.data(device, "Rate"))]
        assert [isinstance(one, Republish) for one in outcomes] == [True, True]


EdgeAndHost.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestAnyOrder = EdgeAndHost.TestCase


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("NBIRTH/n", "NDATA/n", "DBIRTH/n/d", "DDATA/n/d", "DDEATH/n/d", "NDEATH/n", "STATE", "")),
            st.binary(max_size=60) | st.sampled_from([Edge().connect(NAMES).payload, Edge().death().payload]),
        ),
        max_size=12,
    )
)
def test_no_bytes_raise(messages: list[tuple[str, bytes]]) -> None:
    sessions = Sessions(wanted_by("*"))
    for number, (end, payload) in enumerate(messages):
        outcomes = sessions.receive(f"spBv1.0/g/{end}", payload, 1_772_450_000_000 + number)
        assert sum(isinstance(one, AskRebirth) for one in outcomes) <= 1
