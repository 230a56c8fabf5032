"""What a codec is: it turns the raw bytes of one dialect into readings.

raw bytes in → readings and flaws out. The collector names the dialect of each message once, by its topic; recorder,
judge, rate limit and dead letters look the codec up by that name (`devices.codecs.registry`).
"""

from dataclasses import dataclass
from typing import Final, Protocol

from devices.readings.models import Reading
from devices.readings.refusals import Refusal

MAX_PAYLOAD_BYTES: Final = 65_536
"""About 300 buffered positions; devices split longer uploads."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """One element of a message that is not a reading; the other elements are kept."""

    raw: bytes
    """The element, byte for byte; written anew where a JSON array holds a NaN, which few parsers take."""
    refusal: Refusal


class Codec(Protocol):
    """Reads the messages of one dialect. Pure, and shared by all threads."""

    @property
    def dialect(self) -> str:
        """Name of the dialect, as the raw log records it. Never changes once it was released."""

    def matches(self, topic: str) -> bool:
        """Whether messages of this topic are of this dialect."""

    def device_of(self, topic: str) -> str:
        """Id of the device that the topic names; empty if it names none. Never raises."""

    def decode(self, topic: str, payload: bytes, *, max_bytes: int = MAX_PAYLOAD_BYTES) -> list[Reading | Flaw]:
        """Read a message: its readings in payload order, with a Flaw in the place of each bad element.

        Raises:
            DecodeError: nothing of the message can be read. The refusal names the field and what is expected of it.
        """

    def split(self, payload: bytes) -> list[bytes]:
        """The bytes of each element that `decode` returned, in the same order, so that one can be kept alone."""
