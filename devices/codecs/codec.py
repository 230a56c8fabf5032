"""The port of a codec: it turns the raw bytes of one dialect into readings.

Raw bytes enter, readings and flaws leave. `devices.codecs.registry` holds the codecs and names their users.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, final, runtime_checkable

from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.field_check import Correction
from devices.readings.models import Reading
from devices.readings.refusals import Reason, Refusal, refused

MAX_PAYLOAD_BYTES: Final = 65_536
"""About 300 buffered positions; devices split longer uploads."""


@final
@dataclass(frozen=True, slots=True)
class Flaw:
    """One element of a message that is not a reading; the other elements are kept."""

    raw: bytes
    """The element, byte for byte; encoded again if the array holds a NaN, which few JSON parsers take."""
    refusal: Refusal


class CorrectedItems(list[Reading | Flaw]):
    """What `Codec.decode` returns for a message of which some readings stand without a faulty value."""

    def __init__(self, items: Iterable[Reading | Flaw], corrections: Mapping[int, Sequence[Correction]]) -> None:
        super().__init__(items)
        self.corrections = corrections
        """By index of the reading. Recorders count them by field."""


class Codec(Protocol):
    """Reads the messages of one dialect. Pure, and shared by all threads."""

    @property
    def dialect(self) -> str:
        """Name of the dialect, as the raw log records it. It never changes after its release."""

    @property
    def topic_filters(self) -> tuple[str, ...]:
        """What the collector subscribes to for this dialect. Filters of two dialects must not overlap."""

    def matches(self, topic: str) -> bool:
        """Return whether messages on this topic are of this dialect. Never raises."""

    def device_of(self, topic: str) -> str:
        """Return the id of the device that the topic names, or "" if it names none. Never raises."""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """Read a message: its readings in payload order, with a Flaw in place of each bad element.

        The list is `CorrectedItems` where a reading lost a faulty value that it can do without. The readings may be of
        several kinds. `decoding`: what the registry says of the device; that of an unregistered device is the default.

        Raises:
            DecodeError: nothing of the message can be read. The refusal names the field and the expected value.
        """

    def split(self, payload: bytes) -> list[bytes]:
        """Return the bytes of each element that `decode` returned, in the same order, so that one can be kept alone.

        The payload alone, where it cannot be taken apart: then it stands for all of them.
        """

    def join(self, elements: Sequence[bytes]) -> bytes:
        """The reverse of `split`: one payload of these elements."""


class WholeMessages:
    """The part of a codec whose messages cannot be taken apart."""

    def split(self, payload: bytes) -> list[bytes]:
        """Return the payload."""
        return [payload]

    def join(self, elements: Sequence[bytes]) -> bytes:
        """Return the payload."""
        return elements[0]


def check_size(payload: bytes, max_bytes: int) -> None:
    """Raise DecodeError (`too_large`) for a payload that is larger."""
    if len(payload) > max_bytes:
        raise refused(Reason.TOO_LARGE, "payload", f"is {len(payload)} bytes, at most {max_bytes} are taken")


@runtime_checkable
class WeighingCodec(Protocol):
    """A codec that says whether its messages may hold weighings. That of another one is asked by decoding them.

    On Kafka a weighing goes to every partition, and whether a message is one must not depend on the registry.
    """

    @property
    def has_weighings(self) -> bool:
        """Whether one of its messages may hold a weighing."""


@runtime_checkable
class ProfiledCodec(Protocol):
    """A codec that reads devices by profiles: its own, and those that a city writes down."""

    def profiles(self) -> Collection[str]:
        """Return the names of the profiles that the codec has itself."""

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        """Return the faults in the settings of a city's profile: the key, such as `fields.lift`, and what to write.

        An unknown key is a fault. Never raises, whatever the settings hold.
        """
