"""The codec of scales: a truck's passage becomes a weighing, its weight read from the indicator's own frames."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw, WholeMessages, check_size
from devices.codecs.gateway_codec import GatewayCodec
from devices.codecs.scale.frame import FrameError
from devices.codecs.scale.passage import PassageMessage, read_passage
from devices.codecs.scale.settings import BUILT_IN, ScaleSettings, SettingsFault, built_in, read_settings
from devices.codecs.scale.stream import read_frame
from devices.codecs.scale.weight import NoWeight, ticket_kg
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.field_check import reading_of
from devices.readings.models import Kind, Reading
from devices.readings.refusals import Reason, refused

DIALECT: Final = "scale"


class ScaleCodec(GatewayCodec, WholeMessages):
    """The codec (`devices.codecs.codec.Codec`) of weighing indicators."""

    dialect = DIALECT

    def decode(
        self,
        topic: str,
        payload: bytes,
        *,
        max_bytes: int = MAX_PAYLOAD_BYTES,
        decoding: Decoding = UNREGISTERED,
    ) -> list[Reading | Flaw]:
        """The one weighing of a passage. Raises DecodeError.

        A registered scale is read by its registered profile, and refused without one. One that is not registered is
        read as its gateway read it, since it is refused anyway until it is adopted.
        """
        check_size(payload, max_bytes)
        message = _message(payload)
        settings = _settings(message, decoding)
        kg = _settled_kg(message.frames, settings)
        values = {
            "ts": message.ts,
            "seq": message.seq,
            "gross_kg": kg,
            "ticket": message.ticket,
            "direction": message.direction,
        }
        for name in ("plate", "material", "manifest"):
            value = getattr(message, name)
            if value is not None:
                values[name] = value
        return [reading_of(Kind.WEIGHING, values, self.device_of(topic))]

    def profiles(self) -> Collection[str]:
        return tuple(BUILT_IN)

    def check_settings(self, settings: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
        try:
            read_settings(settings)
        except SettingsFault as exc:
            return exc.faults
        return ()


SCALE: Final = ScaleCodec()


def profile_settings(profile: str, settings: Mapping[str, Any]) -> ScaleSettings | None:
    """Settings of a city's profile, or of a built-in one; None if there is none of this name. Raises SettingsFault."""
    return read_settings(settings) if settings else built_in(profile)


def _message(payload: bytes) -> PassageMessage:
    try:
        return read_passage(payload)
    except msgspec.ValidationError as exc:
        raise refused(Reason.NOT_A_READING, "payload", str(exc)) from exc
    except (ValueError, RecursionError) as exc:
        raise refused(Reason.BROKEN_JSON, "payload", f"is not JSON: {exc}") from exc


def _settings(message: PassageMessage, decoding: Decoding) -> ScaleSettings:
    registered = decoding.dialect == DIALECT
    source = (decoding.profile, decoding.settings) if registered else (message.profile, message.settings)
    try:
        found = profile_settings(*source)
    except SettingsFault as exc:
        raise refused(Reason.OUT_OF_BOUNDS, "profile", str(exc)) from exc
    if found is None:
        problem = (
            f"{source[0][:64]!r} is none of a scale: register one that says format and unit, of the city's "
            f"profiles.yaml or {', '.join(BUILT_IN)}; then redrive"
        )
        raise refused(Reason.MISSING_FIELD, "profile", problem)
    return found


def _settled_kg(frames: Sequence[bytes], settings: ScaleSettings) -> float:
    weights = set()
    for index, raw in enumerate(frames):
        try:
            weights.add(ticket_kg(read_frame(raw, settings), settings))
        except FrameError as exc:
            problem = f"number {index + 1} is no frame of {settings.format}: {exc}"
            raise refused(Reason.NOT_A_READING, "frames", problem) from exc
        except NoWeight as exc:
            problem = f"number {index + 1} shows no weight for a ticket: {exc.cause}"
            raise refused(Reason.OUT_OF_BOUNDS, "frames", problem) from exc
    if len(weights) > 1:
        problem = f"show {len(weights)} different weights, a settled one is the same in all"
        raise refused(Reason.OUT_OF_BOUNDS, "frames", problem)
    return float(weights.pop())
