"""A new dialect needs one module and one line in the registry: shown with a second codec that exists only here."""

from collections.abc import Sequence
from typing import Final

import pytest

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.native import NATIVE
from devices.codecs.registry import CODECS, CodecRegistry
from devices.codecs.topics import alert_topic, reading_topic
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Fill, Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal

TS: Final = 1_767_225_600_000


class BinText:
    """A dialect as a bin maker could have it: topic `bins/{id}`, one line `ts;percent` for each reading."""

    dialect: Final = "bin-text"
    topic_filters: Final = ("other/#",)

    def matches(self, topic: str) -> bool:
        return topic.startswith("bins/")

    def device_of(self, topic: str) -> str:
        return topic.removeprefix("bins/") if self.matches(topic) else ""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        if len(payload) > max_bytes:
            raise DecodeError(Refusal(Reason.TOO_LARGE, "payload: split it", field="payload"))
        return [self._item(self.device_of(topic), line) for line in self.split(payload)]

    def split(self, payload: bytes) -> list[bytes]:
        return payload.splitlines()

    def join(self, elements: Sequence[bytes]) -> bytes:
        return b"\n".join(elements)

    @staticmethod
    def _item(device_id: str, line: bytes) -> Reading | Flaw:
        try:
            ts, percent = line.split(b";")
            return Fill(device_id=device_id, ts=int(ts), fill_pct=float(percent))
        except ValueError:
            return Flaw(line, Refusal(Reason.NOT_A_READING, "payload: should be `ts;percent`", field="payload"))


BIN_TEXT: Final = BinText()
BOTH: Final = CodecRegistry((BIN_TEXT, NATIVE))
BIN_TOPIC: Final = "bins/bin-7"
NATIVE_TOPIC: Final = reading_topic("bin-7", Kind.FILL)


def test_topic_names_the_dialect_and_the_dialect_its_codec() -> None:
    assert (BOTH.dialect_of(BIN_TOPIC), BOTH.dialect_of(NATIVE_TOPIC)) == ("bin-text", "native")
    assert BOTH.codec_of("bin-text") is BIN_TEXT
    assert BOTH.codec_of("native") is NATIVE
    assert BOTH.codec_of(BOTH.dialect_of(BIN_TOPIC)).device_of(BIN_TOPIC) == "bin-7"


def test_both_dialects_give_the_same_readings() -> None:
    reading = Fill(device_id="bin-7", ts=TS, fill_pct=40.0)
    assert BOTH.decode(BIN_TOPIC, f"{TS};40".encode()) == [reading]
    assert BOTH.decode(NATIVE_TOPIC, f'{{"ts":{TS},"fill_pct":40}}'.encode()) == [reading]


def test_bad_element_is_a_flaw_whose_bytes_split_returns() -> None:
    payload = f"{TS};40\nnonsense".encode()
    reading, flaw = BOTH.decode(BIN_TOPIC, payload)
    assert isinstance(reading, Fill)
    assert isinstance(flaw, Flaw)
    assert flaw.raw == BIN_TEXT.split(payload)[1] == b"nonsense"


def test_size_limit_reaches_every_codec() -> None:
    for topic in (BIN_TOPIC, NATIVE_TOPIC):
        with pytest.raises(DecodeError, match="too_large"):
            BOTH.decode(topic, b"x" * 11, max_bytes=10)


@pytest.mark.parametrize("topic", ["", "foreign", alert_topic("P1", "illegal_dumping"), "haulwatch/v1/alerts/fill"])
@pytest.mark.parametrize("codecs", [BOTH, CODECS], ids=["both", "shipped"])
def test_topic_that_no_codec_takes_belongs_to_the_last_one_which_refuses_it(codecs: CodecRegistry, topic: str) -> None:
    assert codecs.dialect_of(topic) == "native"
    assert codecs.codec_of("native").device_of(topic) == ""
    with pytest.raises(DecodeError, match="foreign_topic"):
        codecs.decode(topic, b"{}")


def test_codecs_are_asked_in_the_order_of_the_registry() -> None:
    class Greedy(BinText):
        dialect = "greedy"  # type: ignore[misc]

        def matches(self, topic: str) -> bool:
            return True

    assert CodecRegistry((BIN_TEXT, Greedy(), NATIVE)).dialect_of(BIN_TOPIC) == "bin-text"
    assert CodecRegistry((Greedy(), BIN_TEXT, NATIVE)).dialect_of(BIN_TOPIC) == "greedy"


def test_a_dialect_that_the_raw_log_recorded_and_no_codec_has_is_refused() -> None:
    codec = CODECS.codec_of("bin-text")
    with pytest.raises(DecodeError) as refused:
        codec.decode(BIN_TOPIC, b"\x01\x02")
    assert (refused.value.refusal.reason, refused.value.refusal.field) == (Reason.UNKNOWN_DIALECT, "dialect")
    assert (codec.device_of(BIN_TOPIC), codec.split(b"\x01\x02")) == ("", [b"\x01\x02"])


def test_two_codecs_of_one_dialect_are_refused() -> None:
    for codecs in ((), (NATIVE, BIN_TEXT, NATIVE)):
        with pytest.raises(ValueError, match="one codec for each dialect"):
            CodecRegistry(codecs)
