"""Public vectors of Sparkplug B that are sequences of messages, and those of the host's own messages."""

import json
from typing import Any, Final

from devices.codecs.sparkplug.payload import read_payload
from ingest.gateways.sparkplug.commands import rebirth_payload, rebirth_topic, says_offline, state_payload
from ingest.gateways.sparkplug.outcomes import AskRebirth, Gap, Outcome, Republish
from ingest.gateways.sparkplug.sequence import Sequence
from ingest.gateways.sparkplug.sessions import DEFAULT_REORDER_MS, Sessions, wanted_by
from tests.devices.codecs.sparkplug.test_vectors import VECTORS, of

NOW: Final = 1_772_450_000_000


@of("sequence")
def test_sequences(vector: dict[str, Any]) -> None:
    """Each message 10 ms after the one before; then the reorder time passes."""
    sessions, outcomes = Sessions(wanted_by("*")), list[Outcome]()
    for number, message in enumerate(vector["messages"]):
        outcomes += sessions.receive(message["topic"], bytes.fromhex(message["payload_hex"]), NOW + 10 * number)
    outcomes += sessions.tick(NOW + DEFAULT_REORDER_MS + 1_000)
    expected = vector["expected"]
    gaps = [{"after": one.after, "got": one.got} for one in outcomes if isinstance(one, Gap)]
    assert gaps == (expected.get("gaps") or [])
    if "rebirths_asked" in expected:
        assert sum(isinstance(one, AskRebirth) for one in outcomes) == expected["rebirths_asked"]
    for name, online in expected.get("online_after", {}).items():
        node, _, device = name.partition("/")
        assert sessions.is_online("haul", node, device) is online
    values = newest_values(outcomes)
    assert {name: values.get(name) for name in expected.get("values", {})} == expected.get("values", {})
    if expected.get("values") == {}:
        assert not values


def newest_values(outcomes: list[Outcome]) -> dict[str, object]:
    values: dict[str, object] = {}
    for one in outcomes:
        if isinstance(one, Republish):
            values |= {metric.name: metric.value for metric in one.payload.metrics if not metric.is_kept}
    return values


@of("sequence_numbers")
def test_numbers_of_a_capture(vector: dict[str, Any]) -> None:
    """The numbers of one edge node and its devices; a topic that is none of Sparkplug is passed over."""
    node = vector["expected"]["edge_node_id"]
    numbers = [message["seq"] for message in vector["messages"] if message["topic"].split("/")[3] == node]
    sequence, gaps = Sequence[int](numbers[0]), list[dict[str, int]]()
    for number in numbers:
        sequence.take(number, number, 100, NOW)
        if sequence.gap_since is not None:  # nothing that is missing comes later: go on behind the gap
            gaps.append({"after": sequence.last, "got": sequence.first_waiting})
            sequence = Sequence(number + 1)
    assert gaps == vector["expected"]["gaps"]


@of("state")
def test_the_state_of_the_host(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    written = state_payload(online=expected["online"], since_ms=expected["timestamp_ms"])
    assert written.decode() == vector["payload_text"]
    assert json.loads(written) == {"online": expected["online"], "timestamp": expected["timestamp_ms"]}
    assert says_offline(written) is not expected["online"]


@of("ncmd")
def test_the_request_for_a_rebirth_is_that_of_the_vector(vector: dict[str, Any]) -> None:
    if vector["id"] == "sparkplug-cmd-rebirth":
        assert rebirth_topic("haul", "ts3-gw") == vector["topic"]
        assert rebirth_payload(1_790_000_000_000).hex() == vector["payload_hex"]
    else:
        assert rebirth_payload(1_790_000_000_000).hex() != vector["payload_hex"]


@of("ncmd", "dcmd")
def test_commands_of_other_hosts_are_left_alone(vector: dict[str, Any]) -> None:
    sessions = Sessions(wanted_by("*"))
    outcomes = sessions.receive(vector["topic"], bytes.fromhex(vector["payload_hex"]), NOW)
    assert not any(isinstance(one, Republish | AskRebirth) for one in outcomes)


@of("refuse")
def test_what_is_to_be_refused_leads_to_nothing(vector: dict[str, Any]) -> None:
    sessions = Sessions(wanted_by("*"))
    birth = next(one for one in VECTORS if one["id"] == "sparkplug-built-nbirth")
    sessions.receive(birth["topic"], bytes.fromhex(birth["payload_hex"]), NOW)
    outcomes = sessions.receive(vector["topic"], bytes.fromhex(vector["payload_hex"]), NOW + 10)
    assert not any(isinstance(one, Republish) for one in outcomes)
    assert sum(sessions.counts[name] for name in ("topic", "payload", "command", "no_metrics")) == 1


@of("nbirth", "dbirth")
def test_births_without_times_get_that_of_arrival(vector: dict[str, Any]) -> None:
    if vector["kind"] == "dbirth":
        return
    payload = bytes.fromhex(vector["payload_hex"])
    [birth] = Sessions(wanted_by("*")).receive(vector["topic"], payload, NOW)
    assert isinstance(birth, Republish)
    assert birth.payload.timestamp == (read_payload(payload).timestamp or NOW)


@of("ddata")
def test_historical_values_do_not_move_the_present_back(vector: dict[str, Any]) -> None:
    """What the next message of the device carries as unchanged is the live value of the vector."""
    live = vector["expected"].get("live_value")
    if live is None:
        return
    sessions, node = Sessions(wanted_by("*")), "spBv1.0/haul/NBIRTH/ts3-gw"
    births = {
        one["id"]: bytes.fromhex(one["payload_hex"]) for one in VECTORS if one["id"].startswith("sparkplug-built")
    }
    sessions.receive(node, births["sparkplug-built-nbirth"], NOW)
    device = vector["topic"]
    sessions.receive(device.replace("DDATA", "DBIRTH"), births["sparkplug-built-dbirth"], NOW)
    sessions.receive(device, births["sparkplug-built-ddata"], NOW)
    sessions.receive(device, bytes.fromhex(vector["payload_hex"]), NOW)
    [empty] = sessions.receive(device, births["sparkplug-built-ddata-null"].replace(b"\x10\x0a", b"\x10\x0b"), NOW)
    assert isinstance(empty, Republish)
    assert {metric.name: metric.value for metric in empty.payload.metrics if metric.is_kept}["Gross"] == live
