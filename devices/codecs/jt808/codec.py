"""The dialect of JT/T 808: raw frames of a terminal, as its gateway publishes them, become readings.

A payload is one or more whole frames as on the wire, one behind the other: one message, or all parts of a long one. A
frame that only our gateway writes (`messages.Stamp`) gives time and session to the message behind it, which has none.

    0x0200, 0x0201, 0x0500, 0x0704           positions
    0x0100, 0x0102, 0x0002, 0x0003           status
    every other message                      no reading; it stays in the raw log
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from devices.codecs.codec import MAX_PAYLOAD_BYTES, CorrectedItems, Flaw, check_size
from devices.codecs.gateway_codec import GatewayCodec
from devices.codecs.jt808.elements import elements_of
from devices.codecs.jt808.profile import BUILT_IN, check_settings, settings_of
from devices.codecs.jt808.readings import reading_of_element
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.field_check import Correction
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError


class Jt808(GatewayCodec):
    """The codec (`devices.codecs.codec.Codec`) of JT/T 808. The device is the phone number of the terminal."""

    dialect = "jt808"
    has_weighings: Final = False

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """Read frames: positions and status in their order; none of messages that hold neither.

        Raises DecodeError: also for the fault of the only element.
        """
        self.named_device(topic)
        check_size(payload, max_bytes)
        settings = settings_of(decoding)
        items: list[Reading | Flaw] = []
        corrections: dict[int, Sequence[Correction]] = {}
        for index, element in enumerate(elements_of(payload)):
            try:
                reading, corrected = reading_of_element(element, settings, decoding.clock_correction_s)
            except DecodeError as exc:
                items.append(Flaw(element.raw(), exc.refusal))
                continue
            items.append(reading)
            if corrected:
                corrections[index] = corrected
        if len(items) == 1 and isinstance(only := items[0], Flaw):
            raise DecodeError(only.refusal)
        return CorrectedItems(items, corrections) if corrections else items

    def split(self, payload: bytes) -> list[bytes]:
        """Return each element as frames of its own: a location of a batch as a message 0x0200."""
        return [element.raw() for element in elements_of(payload)]

    def join(self, elements: Sequence[bytes]) -> bytes:
        """Return the frames one behind the other."""
        return b"".join(elements)

    def profiles(self) -> Collection[str]:
        """Names of the profiles of published firmware."""
        return BUILT_IN.keys()

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """Return the faults in the settings of a city's profile. Never raises."""
        return check_settings(settings)


JT808: Final = Jt808()
