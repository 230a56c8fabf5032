"""The codec of scales: a truck's passage becomes a weighing, its weight read from the indicator's own frames."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Flaw
from devices.codecs.scale.frame import FrameError
from devices.codecs.scale.passage import PassageMessage, read_passage
from devices.codecs.scale.settings import BUILT_IN, ScaleSettings, SettingsFault, built_in, read_settings
from devices.codecs.scale.stream import read_frame
from devices.codecs.scale.weight import NoWeight, ticket_kg
from devices.codecs.topics import device_of_dialect_topic
from devices.readings.decoding import UNREGISTERED, Decoding
from devices.readings.field_check import reading_of
from devices.readings.models import Kind, Reading
from devices.readings.refusals import DecodeError, Reason, Refusal

DIALECT: Final = "scale"


class ScaleCodec:
    """The codec (`devices.codecs.codec.Codec`) of weighing indicators."""

    dialect: Final = DIALECT
    topic_filters: Final[tuple[str, ...]] = ()
    """The filter of the native dialect covers its topics."""

    def matches(self, topic: str) -> bool:
        return bool(device_of_dialect_topic(topic, DIALECT))

    def device_of(self, topic: str) -> str:
        return device_of_dialect_topic(topic, DIALECT)

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
        if len(payload) > max_bytes:
            raise _refused(Reason.TOO_LARGE, "payload", f"is {len(payload)} bytes, at most {max_bytes} are taken")
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

    def split(self, payload: bytes) -> list[bytes]:
        """The payload as a whole."""
        return [payload]

    def join(self, elements: Sequence[bytes]) -> bytes:
        """The first element: a message has one."""
        return elements[0]

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
        raise _refused(Reason.NOT_A_READING, "payload", str(exc)) from exc
    except (ValueError, RecursionError) as exc:
        raise _refused(Reason.BROKEN_JSON, "payload", f"is not JSON: {exc}") from exc


def _settings(message: PassageMessage, decoding: Decoding) -> ScaleSettings:
    registered = decoding.dialect == DIALECT
    source = (decoding.profile, decoding.settings) if registered else (message.profile, message.settings)
    try:
        found = profile_settings(*source)
    except SettingsFault as exc:
        raise _refused(Reason.OUT_OF_BOUNDS, "profile", str(exc)) from exc
    if found is None:
        problem = (
            f"{source[0][:64]!r} is none of a scale: register one that says format and unit, of the city's "
            f"profiles.yaml or {', '.join(BUILT_IN)}; then redrive"
        )
        raise _refused(Reason.MISSING_FIELD, "profile", problem)
    return found


def _settled_kg(frames: Sequence[bytes], settings: ScaleSettings) -> float:
    weights = set()
    for index, raw in enumerate(frames):
        try:
            weights.add(ticket_kg(read_frame(raw, settings), settings))
        except FrameError as exc:
            problem = f"number {index + 1} is no frame of {settings.format}: {exc}"
            raise _refused(Reason.NOT_A_READING, "frames", problem) from exc
        except NoWeight as exc:
            problem = f"number {index + 1} shows no weight for a ticket: {exc.cause}"
            raise _refused(Reason.OUT_OF_BOUNDS, "frames", problem) from exc
    if len(weights) > 1:
        problem = f"show {len(weights)} different weights, a settled one is the same in all"
        raise _refused(Reason.OUT_OF_BOUNDS, "frames", problem)
    return float(weights.pop())


def _refused(reason: Reason, field: str, problem: str) -> DecodeError:
    """A refusal whose text a person can read, whatever the message holds."""
    plain = "".join(char if char.isprintable() else "?" for char in problem[:450])
    return DecodeError(Refusal(reason, f"{field}: {plain}", field=field))
