"""Packets are read whatever the size of the pieces, and whatever they contain."""

import random

import mqtt5
import pytest

from ingest.log.records import RawMessage
from ingest.mqtt.connection import NO_ID
from ingest.mqtt.packets import (
    UNSUPPORTED_PROTOCOL,
    Accepted,
    Control,
    Dismissed,
    Granted,
    MalformedPacket,
    PacketReader,
    Refused,
    pubacks,
)
from tests.ingest.mqtt.foreign_codec import FOREIGN_TOPIC, add_foreign_codec

AT = 1_790_000_000_000
TOPIC = "haulwatch/v1/truck-1/position"
BROKEN = b"\xff\xfe"
# The library panics at text that is not UTF-8, and reports it on standard error.
noisy = pytest.mark.filterwarnings("ignore:Exception ignored in. None:pytest.PytestUnraisableExceptionWarning")


def published(payload: bytes, packet_id: int | None = 7, topic: str = TOPIC) -> bytes:
    qos = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS.AT_LEAST_ONCE
    return mqtt5.PublishPacket(
        topic, payload, qos=qos, packet_id=packet_id, content_type="json", user_properties=[("firmware", "1.0")]
    ).write()


def raw_publish(properties: bytes, payload: bytes, topic: bytes = TOPIC.encode()) -> bytes:
    """A PUBLISH of QoS 1 with packet id 9, and with content that the library would not write."""
    body = len(topic).to_bytes(2, "big") + topic + b"\0\x09" + bytes([len(properties)]) + properties + payload
    assert len(body) < 128
    return bytes([0x32, len(body)]) + body


STREAM = b"".join(
    [
        mqtt5.ConnAckPacket(session_present=True, server_keep_alive=30).write(),
        mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE]).write(),
        published(b""),
        published(b"x" * 200, 300),
        mqtt5.PingRespPacket().write(),
        published(b"fleeting", None),
        published(b"y" * 20_000, 65_535, topic="haulwatch/v1/渣土车 七号/位置"),
        published(b"stop", 8, topic="haulwatch/v1/truck-1/command"),
        mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.SERVER_SHUTTING_DOWN, reason_str="bye").write(),
    ]
)
MESSAGES = [
    (7, RawMessage(TOPIC, b"", AT)),
    (300, RawMessage(TOPIC, b"x" * 200, AT)),
    (NO_ID, RawMessage(TOPIC, b"fleeting", AT)),
    (65_535, RawMessage("haulwatch/v1/渣土车 七号/位置", b"y" * 20_000, AT)),
    (8, None),
]
CONTROLS: list[Control] = [
    Accepted(session_present=True, keepalive_s=30, shares=True),
    Granted(((1, "Granted qos at least once"),)),
    Dismissed(0x8B, "Server shutting down (bye)"),
]


def read(*pieces: bytes) -> tuple[list[tuple[int, RawMessage | None]], list[Control]]:
    reader, messages, controls = PacketReader(), [], []
    for piece in pieces:
        more, answers = reader.feed(piece, AT)
        messages += more
        controls += answers
    return messages, controls


@pytest.mark.parametrize("size", [1, 2, 3, 7, 127, 128, 129, 4096, len(STREAM)])
def test_pieces_of_any_size_give_the_same_packets(size: int) -> None:
    assert read(*(STREAM[at : at + size] for at in range(0, len(STREAM), size))) == (MESSAGES, CONTROLS)


def test_a_cut_at_any_place_changes_nothing() -> None:
    stream = published(b"x" * 10) + published(b"y" * 200) + mqtt5.PingRespPacket().write() + published(b"z" * 17_000, 9)
    whole = read(stream)
    assert len(whole[0]) == 3
    for cut in range(600):
        assert read(stream[:cut], stream[cut:]) == whole


@pytest.mark.parametrize(
    "properties",
    [
        mqtt5.PublishPacket("t", b"", user_properties=[("a", "\ufeff1.0")]).write()[6:],
        b"\x26\0\2" + BROKEN + b"\0\1b",
        b"\x03\0\2" + BROKEN,
        b"\x7f\1\2\3",
        b"\x02\0",
        b"\x23\0\x05",
        b"\x26\xff\xff",
    ],
    ids=["byte order mark", "broken key", "broken type", "unknown", "half a number", "topic alias", "too long a text"],
)
def test_a_message_is_taken_whatever_its_properties(properties: bytes) -> None:
    packets = raw_publish(properties, b"payload") + published(b"after")
    assert read(packets)[0] == [(9, RawMessage(TOPIC, b"payload", AT)), (7, RawMessage(TOPIC, b"after", AT))]


@pytest.mark.parametrize("topic", [b"", BROKEN, b"a\0b", b"\xed\xa0\x80"], ids=["none", "broken", "nul", "surrogate"])
def test_a_message_is_taken_whatever_its_topic(topic: bytes) -> None:
    [(packet_id, message)] = read(raw_publish(b"", b"payload", topic))[0]
    assert message is not None
    assert (packet_id, message.payload) == (9, b"payload")
    assert message.topic.encode() == topic.decode(errors="backslashreplace").encode()


@pytest.mark.parametrize("size", [2_097_151, 3_000_000])
def test_large_payloads_are_joined(size: int) -> None:
    packet = published(bytes(size))
    [(packet_id, message)] = read(*(packet[at : at + 65_536] for at in range(0, len(packet), 65_536)))[0]
    assert message is not None
    assert (packet_id, len(message.payload)) == (7, size)


def test_each_message_carries_the_dialect_of_its_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = published(b"1") + published(b"2", topic=FOREIGN_TOPIC) + published(b"3", topic="nonsense")

    def dialects() -> list[str]:
        return [message.dialect for _, message in read(stream)[0] if message is not None]

    assert dialects() == ["native", "native", "native"]
    add_foreign_codec(monkeypatch)
    assert dialects() == ["native", "jt808", "native"]


def test_a_connack_of_3_1_1_is_a_refusal_of_the_protocol() -> None:
    assert read(b"\x20\x02\x00\x01")[1] == [Refused(UNSUPPORTED_PROTOCOL, "Unsupported protocol version")]


def test_acknowledgements_are_joined_in_order() -> None:
    assert pubacks([258, 1, 65_535]) == b"\x40\2\1\2\x40\2\0\1\x40\2\xff\xff"


@pytest.mark.parametrize(
    "stream",
    [
        b"\x30\xff\xff\xff\xff\x01",
        b"\x32\x00",
        b"\x32\x01\x00",
        b"\x32\x05\x00\x09topic",
        b"\x32\x04\x00\x01t\x00",
        b"\x32\x05\x00\x01t\x00\x01",
        b"\x30\x03\x00\x01t",
        b"\x30\x05\x00\x01t\x05x",
        b"\x30\x06\x00\x01t\x80\x80\x80",
        b"\x30\x08\x00\x01t\xff\xff\xff\xff\x01",
        b"\x34\x06\x00\x01t\x00\x01\x00",
        b"\x00\x00",
        b"\x20\x03\x00\x00\x05",
        b"\xe0\x06\x8b\x05\x1f\x00\x02" + BROKEN,
        b"\xe0\x07\x8b\x05\x1f\x00\x02" + BROKEN,
        b"\x90\x04\x00\x01\x00\x07",
    ],
)
@noisy
def test_bytes_that_are_no_mqtt_5_are_malformed(stream: bytes) -> None:
    with pytest.raises(MalformedPacket):
        read(stream + b"\0" * 8)


@noisy
def test_random_bytes_raise_nothing_else() -> None:
    dice = random.Random(1989)
    malformed = whole = 0
    for _ in range(20_000):
        stream = bytearray(dice.randbytes(dice.randrange(1, 60)) if dice.random() < 0.3 else STREAM[:700])
        for _ in range(dice.randrange(1, 5)):
            stream[dice.randrange(len(stream))] = dice.choice((0, 1, 2, 0x32, 0x7F, 0x80, 0xE0, 0xFF))
        cut = dice.randrange(len(stream) + 1)
        try:
            whole += len(read(bytes(stream[:cut]), bytes(stream[cut:]))[0])
        except MalformedPacket:
            malformed += 1
    assert malformed > 1000
    assert whole > 1000


def test_the_retain_bit_marks_what_the_broker_replays() -> None:
    packet = published(b"{}")
    replayed = bytes([packet[0] | 0x01]) + packet[1:]
    ((_, live), (_, old)), _ = read(packet, replayed)
    assert live is not None
    assert old is not None
    assert (live.retained, old.retained) == (False, True)
    assert live.payload == old.payload
