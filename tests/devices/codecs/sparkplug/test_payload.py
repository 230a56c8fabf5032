"""Texts of controllers that write no UTF-8: they are shown, and take nothing else along."""

import pytest

from devices.codecs.sparkplug.datatypes import DataType
from devices.codecs.sparkplug.payload import read_payload, write_payload

GBK = "一号线".encode("gbk")
SHOWN = "һ\\xba\\xc5\\xcf\\xdf"


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field of Protobuf."""
    return bytes([number << 3 | 2, len(value)]) + value


def metric(name: bytes, text: bytes) -> bytes:
    return field(2, field(1, name) + b"\x20\x0c" + field(15, text))


@pytest.mark.parametrize(
    ("raw", "name", "value"),
    [(metric(GBK, b"on"), SHOWN, "on"), (metric(b"Line/Name", GBK), "Line/Name", SHOWN)],
    ids=["name", "value"],
)
def test_a_text_that_is_no_utf_8_leaves_the_other_metrics_of_its_device(raw: bytes, name: str, value: str) -> None:
    payload = read_payload(b"\x18\x01" + raw + metric(b"Line/Rate", b"42"))
    assert [(one.name, one.datatype, one.value) for one in payload.metrics] == [
        (name, DataType.STRING, value),
        ("Line/Rate", DataType.STRING, "42"),
    ]
    assert read_payload(write_payload(payload)) == payload


def test_texts_that_differ_stay_different() -> None:
    """A mapping file names a metric by what is shown."""
    names = [metric(bytes([byte, 0xFF]), b"on") for byte in range(0x80, 0xFF)]
    payload = read_payload(b"".join(names))
    assert len({one.name for one in payload.metrics}) == len(names)
