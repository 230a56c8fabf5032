"""The codec of one network server. Servers differ in their topics and in their JSON."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from msgspec import MsgspecError
from msgspec.json import Decoder

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw, WholeMessages, check_size
from devices.codecs.lorawan.profiles import BUILT_IN, check_settings
from devices.codecs.lorawan.readings import items_of
from devices.codecs.lorawan.uplink import Event, Uplink
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Reading
from devices.readings.refusals import Reason, refused

_Message = TypeVar("_Message")


@dataclass(frozen=True)
class LorawanCodec(WholeMessages):
    """A codec (`devices.codecs.codec.Codec`, `ProfiledCodec`, `WeighingCodec`) of a network server."""

    dialect: str
    topic: re.Pattern[str]
    """Its groups are the id of the device and the name of the event."""
    topic_filters: tuple[str, ...]
    events: Mapping[str, Event]
    """By name. Other events hold nothing that a device measured, and nobody subscribes to them."""
    read: Callable[[str, Event, bytes], Uplink]
    """(device id, event, payload) → uplink. Raises DecodeError."""
    has_weighings: bool = False

    def matches(self, topic: str) -> bool:
        """Return whether the topic names a device and an event that is read."""
        found = self.topic.fullmatch(topic)
        return found is not None and found[2] in self.events

    def device_of(self, topic: str) -> str:
        """The id in lower case, or "" if the topic names none."""
        found = self.topic.fullmatch(topic)
        return found[1].lower() if found is not None else ""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """Levels, and a sign of life. Raises DecodeError."""
        check_size(payload, max_bytes)
        return items_of(self.uplink(topic, payload), self.dialect, decoding, payload)

    def uplink(self, topic: str, payload: bytes) -> Uplink:
        """What the server says. Raises DecodeError."""
        found = self.topic.fullmatch(topic)
        if found is None:
            raise refused(Reason.FOREIGN_TOPIC, "topic", f"{topic!r:.120} names no device and event of {self.dialect}")
        event = self.events.get(found[2])
        if event is None:
            detail = f"event {found[2]!r:.40} holds no reading: subscribe to {', '.join(self.events)}"
            raise refused(Reason.NOT_A_READING, "topic", detail)
        return self.read(found[1].lower(), event, payload)

    def profiles(self) -> Collection[str]:
        """The models whose bytes are read."""
        return BUILT_IN

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """Faults in the settings of a city's profile: the key, and what to write. Never raises."""
        return check_settings(settings)


def parsed(decoder: Decoder[_Message], payload: bytes) -> _Message:
    """The JSON of a server. Raises DecodeError."""
    try:
        return decoder.decode(payload)
    except (MsgspecError, UnicodeError, RecursionError) as exc:
        raise refused(Reason.BROKEN_JSON, "payload", f"is no event of a network server: {exc}") from exc
