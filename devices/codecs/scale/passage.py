"""The message of a truck's passage over a scale, as the gateway publishes it, one for each settled weighing."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct
from msgspec.json import Decoder, Encoder

MAX_FRAMES: Final = 100
"""Of the settled weight: as many as a profile can ask for."""


class PassageMessage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the gateway decided, and the frames it rests on. The codec reads the weight from the frames."""

    ticket: str
    seq: int
    """Number of the ticket, from 1; a gap is a weighing that never arrived."""
    ts: int
    """When the weight had settled, ms since 1970 UTC."""
    began_at: int
    """When the truck came onto the empty platform, ms."""
    ended_at: int
    """When the platform was empty again, ms."""
    direction: Literal["in", "out"]
    frames: Annotated[list[bytes], Meta(min_length=1, max_length=MAX_FRAMES)]
    """Raw frames of the settled weight, in order; base64 in the JSON."""
    zero_kg: float | None = None
    """What the empty platform showed before the truck; None if the gateway did not see it empty."""
    plate: str | None = None
    plate_by: str | None = None
    """Who read the plate: a camera, or a person at the gate."""
    material: str | None = None
    manifest: str | None = None
    profile: str = ""
    settings: dict[str, Any] = {}
    """Profile and settings by which the gateway cut the frames."""


_DECODER: Final = Decoder(PassageMessage)
_ENCODER: Final = Encoder()


def read_passage(payload: bytes) -> PassageMessage:
    """Raises msgspec.MsgspecError (a ValueError), RecursionError."""
    return _DECODER.decode(payload)


def write_passage(message: PassageMessage) -> bytes:
    return _ENCODER.encode(message)
