"""Frames of JT/T 808, mutated: cut, merged, spoiled, with hostile lengths and numbers of parts.

None may raise anything but a refusal, or take a sound neighbour along; each element can be kept and read again alone.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from struct import pack
from typing import Final

from devices.codecs.codec import Flaw
from devices.codecs.jt808.body import BodyError
from devices.codecs.jt808.codec import JT808
from devices.codecs.jt808.controls import (
    AskParameters,
    Attributes,
    ConfirmAlarm,
    Control,
    DriverCard,
    Follow,
    ParameterAnswer,
    PassedThrough,
    SetParameters,
    Text,
    VehicleControl,
)
from devices.codecs.jt808.frame import (
    Frame,
    FrameError,
    FrameReader,
    encode_frame,
    encode_message,
    escape,
    parse_frame,
    unescape,
)
from devices.codecs.jt808.location import parse_batch, parse_location_answer
from devices.codecs.jt808.messages import (
    Answer,
    Authentication,
    Registration,
    RegistrationAnswer,
    Resend,
    Stamp,
    encode_stamp,
    without_code,
)
from devices.codecs.topics import dialect_topic
from devices.readings.decoding import Decoding
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError, Refusal

_PHONES: Final = (("013912345678", None), ("00000000013912345678", 1), ("4eb6000003f1", None))
_TOPIC: Final = dialect_topic(_PHONES[0][0], JT808.dialect)
_PROFILES: Final = tuple(Decoding("jt808", name) for name in ("", *JT808.profiles(), "unheard-of"))
_AT_MS: Final = 1_795_912_200_000
_MAX_DETAIL: Final = 500
_READERS: Final[tuple[Callable[[Frame], object], ...]] = (
    *(one.read for one in (Answer, Registration, RegistrationAnswer, Authentication, Resend, Stamp, SetParameters)),
    *(one.read for one in (AskParameters, ParameterAnswer, Attributes, Follow, Text, Control, VehicleControl)),
    *(one.read for one in (ConfirmAlarm, PassedThrough, DriverCard)),
    *(parse_batch, parse_location_answer, without_code),
)
_BETWEEN: Final = 1_000
"""Payloads between two questions whether to go on."""


@dataclass
class FrameOutcome:
    """Totals of a run, and its findings."""

    frames: int = 0
    readings: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[str, bytes]] = field(default_factory=list)
    """What failed, and the payload that causes it."""


def fuzz_frames(seed: int, frames: int, *, go_on: Callable[[FrameOutcome], bool] = lambda _: True) -> FrameOutcome:
    """Read so many frames, or fewer if `go_on` returns False. The same seed reads the same ones."""
    rng, outcome = Random(seed), FrameOutcome()
    while outcome.frames < frames and go_on(outcome):
        for _ in range(_BETWEEN):
            pieces = [_mutated(rng, _message(rng)) for _ in range(rng.choice((1, 1, 2, 4)))]
            outcome.frames += 2 + len(pieces)
            for what in _faults(rng, b"".join(pieces), outcome):
                outcome.findings.append((what, b"".join(pieces)))
            if outcome.frames >= frames:
                break
    return outcome


def _faults(rng: Random, spoiled: bytes, outcome: FrameOutcome) -> Iterator[str]:
    """What is wrong with the reading of these bytes between two sound frames."""
    before, behind = (_position(rng.randrange(86_400)) for _ in range(2))
    payload = before + spoiled + behind
    decoding = rng.choice(_PROFILES)
    try:
        found = _decoded(payload, decoding)
        if isinstance(found, Refusal):
            yield f"a payload with two sound frames is refused: {found}"
            return
        elements = JT808.split(payload)
        at = rng.randrange(len(elements))
        alone = _decoded(elements[at], decoding)
        again = _decoded(JT808.join(elements), decoding)
    except Exception as exc:  # noqa: BLE001 - any exception is a finding
        yield f"{type(exc).__name__}: {exc}"[:200]
        return
    sound = [_decoded(frame, decoding) for frame in (before, behind)]
    if [found[:1], found[-1:]] != sound:
        yield "a sound neighbour was lost"
    if len(elements) != len(found) or alone != (one.refusal if isinstance(one := found[at], Flaw) else [one]):
        yield "an element alone is read otherwise"
    if again != found:
        yield "elements split and joined are read otherwise"
    for item in found:
        if isinstance(item, Flaw):
            outcome.refused[f"{item.refusal.reason} {item.refusal.field}"] += 1
            detail = item.refusal.detail
            if str(item.refusal.field) not in detail or len(detail) > _MAX_DETAIL or not detail.isprintable():
                yield f"a refusal cannot be shown: {detail[:100]!r}"
        else:
            outcome.readings += 1
    yield from _faults_of_stream(rng, payload)


def _faults_of_stream(rng: Random, payload: bytes) -> Iterator[str]:
    """What is wrong with the frames of this stream, cut anywhere, and with the reading of their bodies."""
    reader, raws, at = FrameReader(), list[bytes](), 0
    while at < len(payload):
        step = rng.randint(1, 1 + len(payload) // 3)
        raws += reader.feed(payload[at : at + step])
        at += step
    for raw in raws:
        try:
            frame = parse_frame(raw)
            if parse_frame(encode_frame(frame)) != frame:
                yield "a frame written again is another"
        except FrameError:
            continue
        except Exception as exc:  # noqa: BLE001 - any exception is a finding
            yield f"{type(exc).__name__} of a frame: {exc}"[:200]
            continue
        for read in _READERS:
            try:
                read(frame)
            except BodyError:
                pass
            except Exception as exc:  # noqa: BLE001 - any exception is a finding
                yield f"{type(exc).__name__} of {read.__qualname__}: {exc}"[:200]


def _decoded(payload: bytes, decoding: Decoding) -> list[Reading | Flaw] | Refusal:
    try:
        return list(JT808.decode(_TOPIC, payload, decoding=decoding))
    except DecodeError as exc:
        return exc.refusal


def _position(second: int, items: bytes = b"") -> bytes:
    phone, version = _PHONES[0]
    return encode_frame(Frame(0x0200, phone, second & 0xFFFF, _location(second, items), version))


def _location(second: int, items: bytes = b"") -> bytes:
    at = f"261129{second // 3600:02}{second // 60 % 60:02}{second % 60:02}"
    return pack(">IIIIHHH", 0, 3, 35_501_200, 112_873_400, 742, 364, 88) + bytes.fromhex(at) + items


def _message(rng: Random) -> bytes:
    """One message of any kind, whole."""
    phone, version = rng.choice(_PHONES)
    second = rng.randrange(86_400)
    items = rng.randbytes(rng.choice((0, 0, 3, 40)))
    match rng.randrange(6):
        case 0:
            message_id, body = rng.choice((0x0200, 0x0201, 0x0500)), _location(second, items)
        case 1:
            bodies = [_location(second, items) for _ in range(rng.choice((0, 1, 3, 60)))]
            message_id, body = 0x0704, b"".join((pack(">HB", len(bodies), 1), *(_counted(rng, one) for one in bodies)))
        case 2:
            message_id, body = rng.choice((0x0100, 0x0102, 0x0002, 0x0003)), rng.randbytes(rng.choice((0, 25, 50, 80)))
        case 3:
            stamp = encode_stamp(phone, version, at_ms=_AT_MS + second, session=rng.choice((0, 1, (1 << 64) - 1)))
            return stamp + encode_frame(Frame(rng.choice((0x0100, 0x0102, 2, 3)), phone, 1, items, version))
        case 4:
            message_id, body = rng.choice((0x0104, 0x0107, 0x0702, 0x0900, 0x8003, 0x8103, 0x8FFE)), items
        case _:
            message_id, body = rng.randrange(0x10000), rng.randbytes(rng.choice((0, 1, 20, 2_000)))
    return b"".join(encode_message(Frame(message_id, phone, second & 0xFFFF, body, version)))


def _counted(rng: Random, body: bytes) -> bytes:
    size = len(body) if rng.random() < 0.95 else rng.choice((0, 1, 27, 0xFFFF))
    return pack(">H", size) + body


def _mutated(rng: Random, raw: bytes) -> bytes:
    """The same frames with a fault, the check byte made anew in half of them so that the fault gets beyond it."""
    changed = bytearray(raw)
    for _ in range(rng.choice((0, 1, 1, 3))):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                changed[at:at] = rng.choice((b"\x7e", b"\x7d", b"\x00", rng.randbytes(rng.randrange(20))))
            case 2:
                del changed[at : at + rng.choice((1, 2, 30))]
            case 3:
                changed[3:5] = rng.randbytes(2)  # length, encryption, parts
            case _:
                changed[at:at] = changed[: rng.randrange(60)]
    return _checked(bytes(changed)) if rng.random() < 0.5 else bytes(changed)


def _checked(raw: bytes) -> bytes:
    """Make the check byte of the first frame anew."""
    content, _, rest = raw[1:].partition(b"\x7e")
    try:
        plain = unescape(content)
    except FrameError:
        return raw
    check = 0
    for byte in plain[:-1]:
        check ^= byte
    return b"\x7e%b\x7e%b" % (escape(plain[:-1] + bytes([check])), rest)
