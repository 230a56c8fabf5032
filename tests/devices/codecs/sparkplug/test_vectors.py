"""Every public vector of Sparkplug B that is one message: its metrics as stated, or refused for the stated reason.

Sequences of messages are in `tests/ingest/gateways/sparkplug/test_vectors.py`.
"""

import json
from typing import Any, Final

import pytest

from devices.codecs.sparkplug.datatypes import DataType, typed
from devices.codecs.sparkplug.payload import BadPayload, Metric, read_payload, write_payload
from devices.codecs.sparkplug.topics import parse_sparkplug_topic
from tests.conftest import RECORDINGS

FILE: Final = RECORDINGS / "dialects" / "sparkplug.jsonl"
VECTORS: Final = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.is_file() else []
ONE_MESSAGE: Final = {"nbirth", "dbirth", "ndata", "ddata", "ndeath", "ddeath", "ncmd", "dcmd"}
NAMES: Final = {DataType[name]: label for name, label in {
    "INT8": "Int8", "INT16": "Int16", "INT32": "Int32", "INT64": "Int64",
    "UINT8": "UInt8", "UINT16": "UInt16", "UINT32": "UInt32", "UINT64": "UInt64",
    "FLOAT": "Float", "DOUBLE": "Double", "BOOLEAN": "Boolean", "STRING": "String", "DATE_TIME": "DateTime",
}.items()}  # fmt: skip


def test_the_vectors_are_there() -> None:
    if not VECTORS:
        pytest.skip("the vectors of dialects (../shared/data/dialects) are not beside this checkout")
    assert len(VECTORS) == 38
    assert {vector["kind"] for vector in VECTORS} == ONE_MESSAGE | {"refuse", "state", "sequence", "sequence_numbers"}


def of(*kinds: str) -> pytest.MarkDecorator:
    found = [vector for vector in VECTORS if vector["kind"] in kinds]
    return pytest.mark.parametrize("vector", found, ids=[vector["id"] for vector in found])


BORN: Final = {
    metric["alias"]: metric["datatype"]
    for vector in VECTORS
    if vector["id"] == "sparkplug-built-dbirth"
    for metric in vector["expected"]["metrics"]
}
"""Types by alias, of the birth that the data without types belong to."""


def stated(metric: dict[str, Any]) -> dict[str, Any]:
    """The fields of a vector's metric, with the defaults that it leaves out."""
    return {"name": "", "alias": None, "timestamp_ms": None, "is_historical": False, "is_null": False} | metric


def found(metric: Metric, expected: dict[str, Any]) -> dict[str, Any]:
    born = next((kind for kind, label in NAMES.items() if label == BORN.get(metric.alias)), None)
    fields: dict[str, Any] = {
        "name": metric.name,
        "alias": metric.alias,
        "timestamp_ms": metric.timestamp,
        "is_historical": metric.is_historical,
        "is_null": metric.is_null,
        "value": metric.value if metric.datatype is not None else typed(born, metric.value),
    }
    if "datatype" in expected:
        fields["datatype"] = NAMES.get(DataType(metric.datatype)) if metric.datatype is not None else None
    return fields


@of(*ONE_MESSAGE)
def test_metrics(vector: dict[str, Any]) -> None:
    expected = vector["expected"]
    topic = parse_sparkplug_topic(vector["topic"])
    assert topic is not None
    assert (topic.type, topic.group, topic.node) == tuple(
        expected[name] for name in ("message_type", "group_id", "edge_node_id")
    )
    assert topic.device == expected.get("device_id", "")
    payload = read_payload(bytes.fromhex(vector["payload_hex"]))
    assert payload.timestamp == expected.get("timestamp_ms")
    assert payload.seq == expected.get("seq")
    assert [found(*pair) for pair in zip(payload.metrics, expected["metrics"], strict=True)] == [
        stated(metric) for metric in expected["metrics"]
    ]
    if "bd_seq" in expected:
        assert payload.metric("bdSeq") is not None
        assert payload.metric("bdSeq").value == expected["bd_seq"]  # type: ignore[union-attr]
    assert read_payload(write_payload(payload)) == payload


@of("refuse")
def test_what_is_to_be_refused(vector: dict[str, Any]) -> None:
    refuse = vector["refuse"]
    if refuse["layer"] == "topic":
        assert parse_sparkplug_topic(vector["topic"]) is None
    elif refuse["reason"] == "no_metrics":  # the sequence number counts, and the host drops the message
        payload = read_payload(bytes.fromhex(vector["payload_hex"]))
        assert (payload.seq, payload.metrics) == (1, ())
    else:
        with pytest.raises(BadPayload, match=refuse["reason"]):
            read_payload(bytes.fromhex(vector["payload_hex"]))
