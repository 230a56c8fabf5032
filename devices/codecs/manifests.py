"""The dialect of manifests: what people did with the manifest of a truck, as the platform writes it into the raw log.

No device speaks it, and the collector subscribes to nothing for it: a record gets into the log by
`ingest.log.manifest_writer` only.
"""

from typing import Final

from msgspec import MsgspecError
from msgspec.json import Decoder, Encoder

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw, WholeMessages
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.models import ManifestAction, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal

MANIFEST_ROOT: Final = "$haulwatch/manifest/"
"""Followed by the device id of the truck. No client of a broker can publish to topics that begin with `$`."""

_DECODER: Final = Decoder(ManifestAction)
_ENCODER: Final = Encoder()


class ManifestRecords(WholeMessages):
    """The codec (`devices.codecs.codec.Codec`) of manifests."""

    dialect: Final = "manifest"
    topic_filters: Final[tuple[str, ...]] = ()

    def matches(self, topic: str) -> bool:
        """Never: no message of a broker is a record of a manifest."""
        return False

    def device_of(self, topic: str) -> str:
        """The truck's device."""
        return topic.removeprefix(MANIFEST_ROOT) if topic.startswith(MANIFEST_ROOT) else ""

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """The one action of the record. Raises DecodeError."""
        try:
            action = _DECODER.decode(payload)
        except MsgspecError as exc:
            raise DecodeError(Refusal(Reason.NOT_A_READING, f"payload: {exc}", field="payload")) from exc
        if action.truck != self.device_of(topic):
            detail = f"truck: payload says {action.truck!r}, topic {topic!r}"
            raise DecodeError(Refusal(Reason.FOREIGN_DEVICE, detail, field="truck"))
        return [action]


MANIFEST: Final = ManifestRecords()


def encode_action(action: ManifestAction) -> tuple[str, bytes]:
    """Topic and payload of the record of an action."""
    return f"{MANIFEST_ROOT}{action.truck}", _ENCODER.encode(action)
