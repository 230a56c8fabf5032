"""A codec of another dialect, added to the registry for a test."""

from collections.abc import Sequence
from typing import Final

import pytest

from devices.codecs import registry
from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Reading

FOREIGN_TOPIC: Final = "jt808/013812345678/up"


class ForeignCodec:
    """Takes the topics below `jt808/`; the second level names the device."""

    dialect: Final = "jt808"
    topic_filters: Final = ("other/#",)

    def matches(self, topic: str) -> bool:
        return topic.startswith("jt808/")

    def device_of(self, topic: str) -> str:
        return topic.split("/")[1] if self.matches(topic) else ""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        raise NotImplementedError

    def split(self, payload: bytes) -> list[bytes]:
        return [payload]

    def join(self, elements: Sequence[bytes]) -> bytes:
        return elements[0]


def add_foreign_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = ForeignCodec()
    monkeypatch.setattr(registry.CODECS, "_asked", (codec,))
    monkeypatch.setitem(registry.CODECS._by_dialect, codec.dialect, codec)
