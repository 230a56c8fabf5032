"""What the codecs of trackers have in common: bounds, the device, and messages of one report."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.topics import device_of_dialect_topic
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError, Reason, Refusal


class TrackerCodec(ABC):
    """A codec (`devices.codecs.codec.Codec`) whose messages hold one report each."""

    dialect: str
    topic_filters: tuple[str, ...] = ()
    """Empty where a gateway publishes: the filter of the native dialect covers its topics."""

    def matches(self, topic: str) -> bool:
        return bool(self.device_of(topic))

    def device_of(self, topic: str) -> str:
        return device_of_dialect_topic(topic, self.dialect)

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """The position of the report, and a status where it says how full the battery is. Raises DecodeError."""
        device_id = self.device_of(topic)
        if not device_id:
            detail = f"topic {topic[:120]!r} names no device of {self.dialect}"
            raise DecodeError(Refusal(Reason.FOREIGN_TOPIC, detail, field="topic"))
        if len(payload) > max_bytes:
            detail = f"payload is {len(payload)} bytes, at most {max_bytes} are taken"
            raise DecodeError(Refusal(Reason.TOO_LARGE, detail, field="payload"))
        return self.report(device_id, payload, decoding)

    @abstractmethod
    def report(self, device_id: str, payload: bytes, decoding: Decoding) -> list[Reading | Flaw]:
        """The readings of a report. Raises DecodeError."""

    def split(self, payload: bytes) -> list[bytes]:
        """The payload, once for each of its readings: a report is not divided."""
        try:
            readings = len(self.report("", payload, UNREGISTERED))
        except DecodeError:
            readings = 1
        return [payload] * max(readings, 1)

    def join(self, elements: Sequence[bytes]) -> bytes:
        """The report."""
        return elements[0]


def check_device(device_id: str, named: object, field: str) -> None:
    """Raises DecodeError unless the report names a device, that of the topic. `device_id` is "" where it is open."""
    if not isinstance(named, str) or not named:
        raise DecodeError(Refusal(Reason.MISSING_FIELD, f"{field}: is missing, should name the device", field=field))
    if device_id and named != device_id:
        detail = f"{field}: the report names {named[:64]!r}, the topic {device_id!r}"
        raise DecodeError(Refusal(Reason.FOREIGN_DEVICE, detail, field=field))
