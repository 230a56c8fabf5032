"""The registry of codecs. A new dialect is one module beside this one and one line of `CODECS`.

The collector names the dialect of each message by its topic (`dialect_of`); recorder, judge, rate limit and dead
letters look the codec up by that name (`codec_of`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Codec, Flaw, WholeMessages
from devices.codecs.jt808.codec import JT808
from devices.codecs.lorawan.chirpstack import CHIRPSTACK
from devices.codecs.lorawan.ttn import TTN
from devices.codecs.manifests import MANIFEST
from devices.codecs.native import NATIVE
from devices.codecs.scale import SCALE
from devices.codecs.sparkplug.codec import SPARKPLUG
from devices.codecs.trackers import OSMAND, OWNTRACKS, TRACCAR
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError, Reason, Refusal


@dataclass(frozen=True)
class UnknownDialect(WholeMessages):
    """The codec of messages that no codec of this version reads: it refuses them, and they can be redriven later."""

    dialect: str
    topic_filters: tuple[str, ...] = ()

    def matches(self, topic: str) -> bool:
        """Never."""
        return False

    def device_of(self, topic: str) -> str:
        """Nobody: the form of the topic is unknown."""
        return ""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """Raises DecodeError (`unknown_dialect`)."""
        detail = (
            f"dialect: no codec of this version reads {self.dialect!r}: install the version that does, then redrive"
        )
        raise DecodeError(Refusal(Reason.UNKNOWN_DIALECT, detail, field="dialect"))


class _ByDialect(dict[str, Codec]):
    """Codecs by dialect; one that refuses everything for an unknown dialect."""

    def __missing__(self, dialect: str) -> Codec:
        return UnknownDialect(dialect)


class CodecRegistry:
    """A fixed set of codecs, by dialect and by topic.

    The last codec is asked first whether it takes a topic, since nearly all messages are its; then the others in the
    given order. It also gets the topics that none takes, and refuses them. `dialect_of` and `codec_of` are called for
    every message.
    """

    def __init__(self, codecs: Iterable[Codec], of_the_platform: Iterable[Codec] = ()) -> None:
        """`of_the_platform`: codecs of what no device sends; they are found by their dialect only.

        Raises ValueError if there is no codec, or if two have one dialect.
        """
        self._codecs = tuple(codecs)
        every = (*self._codecs, *of_the_platform)
        self._by_dialect = _ByDialect({codec.dialect: codec for codec in every})
        if not self._codecs or len(self._by_dialect) < len(every):
            raise ValueError("a registry holds at least one codec, and one codec for each dialect")
        self._fallback_dialect = self._codecs[-1].dialect
        self._asked = self._codecs[:-1]
        self._last_takes = self._codecs[-1].matches
        self.codec_of: Final[Callable[[str], Codec]] = self._by_dialect.__getitem__
        """Return the codec of a dialect that the raw log recorded; for an unknown one, a codec that refuses everything.

        A raw log may hold messages of a codec that this version does not have, for example after a downgrade.
        """

    @property
    def topic_filters(self) -> tuple[str, ...]:
        """What the collector subscribes to: the filters of all codecs, each once."""
        return tuple(dict.fromkeys(topic_filter for codec in self._codecs for topic_filter in codec.topic_filters))

    @property
    def dialects(self) -> tuple[str, ...]:
        """The dialects that a device may be registered with."""
        return tuple(sorted([*(codec.dialect for codec in self._asked), self._fallback_dialect]))

    def dialect_of(self, topic: str) -> str:
        """Return the dialect of the codec that takes the topic, else that of the last codec."""
        if self._last_takes(topic):
            return self._fallback_dialect
        for codec in self._asked:
            if codec.matches(topic):
                return codec.dialect
        return self._fallback_dialect

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """Read a message of which only the topic is known, not the recorded dialect. Raises DecodeError."""
        codec = self._by_dialect[self.dialect_of(topic)]
        return codec.decode(topic, payload, max_bytes=max_bytes, decoding=decoding)


CODECS: Final = CodecRegistry(
    (
        # A codec of another dialect has its line here, before the native one.
        SCALE,
        OWNTRACKS,
        OSMAND,
        TRACCAR,
        JT808,
        CHIRPSTACK,
        TTN,
        SPARKPLUG,
        NATIVE,
    ),
    of_the_platform=(MANIFEST,),
)

codec_of: Final = CODECS.codec_of
dialect_of: Final = CODECS.dialect_of
decode: Final = CODECS.decode
