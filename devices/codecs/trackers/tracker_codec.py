"""What the codecs of trackers have in common: bounds, the device, and messages of one report."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw, check_size
from devices.codecs.gateway_codec import GatewayCodec
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError, Reason, refused


class TrackerCodec(GatewayCodec, ABC):
    """A codec (`devices.codecs.codec.Codec`) whose messages hold one report each."""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """The position of the report, and a status where it says how full the battery is. Raises DecodeError."""
        device_id = self.named_device(topic)
        check_size(payload, max_bytes)
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
        raise refused(Reason.MISSING_FIELD, field, "is missing, should name the device")
    if device_id and named != device_id:
        raise refused(Reason.FOREIGN_DEVICE, field, f"the report names {named[:64]!r}, the topic {device_id!r}")
