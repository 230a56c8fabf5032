"""Messages of the other dialects, mutated: network servers, Sparkplug, scales, phones.

None may raise anything but a refusal, take long, or give a reading of another device. A stream of an indicator gives
back every byte in order, as frames or as what is none, however it is cut.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, NamedTuple

from devices.codecs.codec import MAX_PAYLOAD_BYTES, Codec, Flaw
from devices.codecs.lorawan.payloads.decoders import DECODERS
from devices.codecs.registry import CODECS, codec_of
from devices.codecs.scale import SCALE
from devices.codecs.scale.frame import FrameError
from devices.codecs.scale.passage import PassageMessage, write_passage
from devices.codecs.scale.settings import BUILT_IN, ScaleSettings, read_settings
from devices.codecs.scale.stream import FrameStream, Skipped
from devices.codecs.scale.weight import NoWeight, shown_kg
from devices.codecs.topics import dialect_topic
from devices.codecs.trackers import OSMAND, osmand, traccar
from devices.readings.decoding import Decoding
from devices.readings.models import Reading
from devices.readings.refusals import DecodeError
from ingest.gateways.scale.passes import Passes
from ingest.gateways.scale.plates import read_plate
from ingest.gateways.scale.plausibility import Plausibility
from ingest.gateways.sparkplug.host import packed
from ingest.gateways.sparkplug.outcomes import Republish
from ingest.gateways.sparkplug.sessions import Sessions, wanted_by
from ingest.log.records import RawMessage
from simulators.dialects.lorawan import DEPTH_MM, NO_FAULTS, Bin, Tally
from simulators.dialects.scale.bridge import Display
from simulators.dialects.scale.frames import WRITERS
from simulators.dialects.trackers import drive, request
from tests import ROOT
from tests.bench.dialects.samples import SAMPLES
from tests.fuzz.mutations import mutated

_VECTORS: Final = ROOT.parent / "shared" / "data" / "dialects"
_AT_MS: Final = 1_795_912_200_000
_DEVICE: Final = "li.truck-17"
_MAX_DETAIL: Final = 500
_SLOW_S: Final = 1.0
"""CPU of one message; an ordinary one takes a tenth of a millisecond."""
_BETWEEN: Final = 1_000
_LINE: Final = {"throughput": {"running": "Line/Running", "rate_t_per_h": {"metric": "Line/Rate", "scale": 0.001}}}


@dataclass
class DialectOutcome:
    """Totals of a run, and its findings."""

    messages: Counter[str] = field(default_factory=Counter)
    """By dialect."""
    readings: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    findings: list[tuple[str, bytes]] = field(default_factory=list)
    """What failed, and the payload that causes it."""
    slowest_s: float = 0.0


class _Family(NamedTuple):
    """Messages that are mutated and read in one way."""

    name: str
    one: Callable[[Random, DialectOutcome], tuple[bytes, Iterator[str]]]
    """Makes a message, and says what is wrong with its reading."""


def fuzz_dialects(
    seed: int, messages: int, *, go_on: Callable[[DialectOutcome], bool] = lambda _: True
) -> DialectOutcome:
    """Read so many messages, or fewer if `go_on` returns False. The same seed reads the same ones."""
    rng, outcome, families = Random(seed), DialectOutcome(), _families()
    made = 0
    while made < messages and go_on(outcome):
        for _ in range(min(_BETWEEN, messages - made)):
            family = families[made % len(families)]
            made += 1
            payload, faults = family.one(rng, outcome)
            outcome.messages[family.name] += 1
            began = time.process_time()
            try:
                found = list(faults)
            except Exception as exc:  # noqa: BLE001 - any exception is a finding
                found = [f"{family.name}: {type(exc).__name__}: {exc}"[:200]]
            took_s = time.process_time() - began
            outcome.slowest_s = max(outcome.slowest_s, took_s)
            if took_s > _SLOW_S:
                found.append(f"{family.name}: takes {took_s:.1f} s")
            outcome.findings += [(what, payload) for what in found]
    return outcome


def _families() -> Sequence[_Family]:
    return (
        _documents("chirpstack", _uplinks("chirpstack"), _lorawan("chirpstack")),
        _documents("ttn", _uplinks("ttn"), _lorawan("ttn")),
        _documents("owntracks", _reports("owntracks"), [Decoding(), Decoding("owntracks")]),
        _documents("osmand", _reports("osmand"), _profiles("osmand", OSMAND.profiles())),
        _documents("traccar", _reports("traccar"), [Decoding(), Decoding("traccar")]),
        _documents("scale", _passages(), _profiles("scale", SCALE.profiles())),
        _Family("sparkplug", _Sparkplug().one),
        _Family("indicator", _Indicators().one),
    )


def _profiles(dialect: str, names: Collection[str]) -> list[Decoding]:
    return [Decoding(), *(Decoding(dialect, name) for name in (*names, "unheard-of"))]


def _lorawan(dialect: str) -> list[Decoding]:
    return [Decoding(dialect, name, depth_mm=depth) for name in ("", *DECODERS) for depth in (None, DEPTH_MM)]


# ---- documents: JSON and URL queries --------------------------------------------------------------------------


def _documents(dialect: str, seeds: Sequence[RawMessage], decodings: Sequence[Decoding]) -> _Family:
    codec = codec_of(dialect)

    def one(rng: Random, outcome: DialectOutcome) -> tuple[bytes, Iterator[str]]:
        message = mutated(rng, rng.choice(seeds), seeds)
        payload = _spoiled(rng, message.payload) if rng.random() < 0.2 else message.payload
        return payload, _faults(codec, message.topic, payload, rng.choice(decodings), outcome)

    return _Family(dialect, one)


def _faults(codec: Codec, topic: str, payload: bytes, decoding: Decoding, outcome: DialectOutcome) -> Iterator[str]:
    """What is wrong with the reading of a message, alone and taken apart."""
    name = codec.dialect
    device = codec.device_of(topic)
    if CODECS.dialect_of(topic) != name:
        return
    if name in {"osmand", "traccar"}:
        with suppress(DecodeError):
            (osmand if name == "osmand" else traccar).device_named(payload)
            osmand.has_time(payload)
    if name == "scale":
        with suppress(ValueError):
            read_plate(payload)
    try:
        found = list(codec.decode(topic, payload, decoding=decoding))
    except DecodeError as exc:
        outcome.refused[f"{exc.refusal.reason}"] += 1
        yield from _shown(name, exc.refusal.detail)
        codec.split(payload)
        return
    elements = codec.split(payload)
    if len(elements) not in {1, len(found)} and found:
        yield f"{name}: {len(found)} readings, {len(elements)} elements"
    if list(codec.decode(topic, codec.join(elements), decoding=decoding)) != found:
        yield f"{name}: split and joined it is read otherwise"
    yield from _sound(name, found, device, outcome)


def _sound(name: str, found: Sequence[Reading | Flaw], device: str, outcome: DialectOutcome) -> Iterator[str]:
    for item in found:
        if isinstance(item, Flaw):
            outcome.refused[f"{item.refusal.reason}"] += 1
            yield from _shown(name, item.refusal.detail)
        else:
            outcome.readings[name] += 1
            if item.device_id != device:
                yield f"{name}: a reading of {item.device_id[:64]!r} on the topic of {device[:64]!r}"


def _shown(name: str, detail: str) -> Iterator[str]:
    if len(detail) > _MAX_DETAIL or not detail.isprintable():
        yield f"{name}: a refusal cannot be shown: {detail[:100]!r}"


def _uplinks(dialect: str) -> list[RawMessage]:
    """Public events with their topics, payloads of all sensors in them, and those of the simulator."""
    sensors = Bin(1, "chirpstack" if dialect == "chirpstack" else "ttn", 40, Tally())
    found = [RawMessage(topic, payload, _AT_MS) for topic, payload in sensors.messages(_AT_MS, NO_FAULTS)]
    for vector in _vectors("lorawan"):
        if vector["kind"].startswith(dialect):
            text = vector.get("payload_text") or json.dumps(vector["payload_json"])
            found.append(RawMessage(vector["topic"], text.encode(), _AT_MS))
    return found


def _reports(dialect: str) -> list[RawMessage]:
    forms = {"owntracks": ("owntracks",), "osmand": ("query", "json"), "traccar": ("traccar",)}[dialect]
    topic = "owntracks/li/truck-17" if dialect == "owntracks" else dialect_topic(_DEVICE, dialect)
    sent = [request(_DEVICE, form, fix) for form in forms for fix in drive(_AT_MS, 10, 3, Random(1))]  # type: ignore[arg-type]
    payloads = [one.body or one.query.encode() for one in sent]
    for vector in _vectors("trackers"):
        if vector["id"].startswith(dialect):
            text = vector.get("payload_text") or vector.get("query", "").removeprefix("/?")
            text = json.dumps(vector["payload_json"]) if "payload_json" in vector else text
            named = vector.get("expected", {}).get("device") or "unknown"
            payloads.append(text.replace(str(named), _DEVICE).encode())
    return [RawMessage(topic, payload, _AT_MS) for payload in payloads]


def _passages() -> list[RawMessage]:
    found = []
    for name, write in WRITERS.items():
        frames = [write(Display(_AT_MS, 15_620, moving=False))] * 8
        message = PassageMessage(
            ticket="261201051200-000007", seq=7, ts=_AT_MS, began_at=_AT_MS - 9_000, ended_at=_AT_MS + 9_000,
            direction="in", frames=frames, zero_kg=0.0, plate="晋E·D0101", plate_by="camera", profile=name,
            settings=dict(BUILT_IN[name]),
        )  # fmt: skip
        found.append(RawMessage(dialect_topic("bridge-9", "scale"), write_passage(message), _AT_MS))
    return found


def _vectors(name: str) -> Iterator[dict[str, Any]]:
    """Public vectors, where they lie beside the project."""
    path = _VECTORS / f"{name}.jsonl"
    if path.is_file():
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


# ---- bytes -----------------------------------------------------------------------------------------------------


def _spoiled(rng: Random, raw: bytes) -> bytes:
    """The bytes with one to four faults."""
    changed = bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                changed[at:at] = rng.choice((b"\xff" * 10, b"\x00", b"\x80\x80\x80\x80\x08", rng.randbytes(9)))
            case 2:
                del changed[at : at + rng.choice((1, 2, 30))]
            case 3 if changed:
                changed[at - 1 if at else 0] ^= 1 << rng.randrange(8)
            case _:
                changed[at:at] = changed[: rng.randrange(60)]
    return bytes(changed)


class _Sparkplug:
    """A host application that hears spoiled edge nodes for the whole run, and the codec of what it passes on."""

    def __init__(self) -> None:
        self._sessions = Sessions(wanted_by("*"))
        self._now = _AT_MS
        self._seeds = [
            (vector["topic"], bytes.fromhex(vector["payload_hex"]))
            for vector in _vectors("sparkplug")
            if "payload_hex" in vector and "topic" in vector
        ]
        self._seeds += [
            (message["topic"], bytes.fromhex(message["payload_hex"]))
            for vector in _vectors("sparkplug")
            for message in vector.get("messages", ())
            if "payload_hex" in message
        ]
        [sample] = [one for one in SAMPLES if one.decoding.dialect == "sparkplug"]
        self._republished = sample.payload
        self._seeds = self._seeds or [("spBv1.0/haul/DDATA/gw-1/line-1", sample.payload)]

    def one(self, rng: Random, outcome: DialectOutcome) -> tuple[bytes, Iterator[str]]:
        topic, raw = rng.choice(self._seeds)
        payload = raw if rng.random() < 0.3 else _spoiled(rng, raw)
        if rng.random() < 0.05:
            topic = topic.replace(rng.choice(topic), rng.choice(("", "/", "+", "晋", "x" * 300)))
        return payload, self._faults(rng, topic, payload, outcome)

    def _faults(self, rng: Random, topic: str, payload: bytes, outcome: DialectOutcome) -> Iterator[str]:
        self._now += rng.choice((1, 10, 1_000, -5_000, 60_000))
        passed_on = [one for one in self._sessions.receive(topic, payload, self._now) if isinstance(one, Republish)]
        passed_on += [one for one in self._sessions.tick(self._now) if isinstance(one, Republish)]
        codec = codec_of("sparkplug")
        decoding = rng.choice((Decoding(), Decoding("sparkplug", "status"), Decoding("sparkplug", "line", _LINE)))
        written_by_gateway = [(one.device_id, packed(one, MAX_PAYLOAD_BYTES)) for one in passed_on]
        payloads = [(device, written) for device, written in written_by_gateway if written is not None]
        payloads.append(("haul.gw-1.line-1", _spoiled(rng, self._republished)))
        for device, written in payloads:
            yield from _faults(codec, dialect_topic(device, "sparkplug"), written, decoding, outcome)


class _Indicators:
    """Streams of every format, cut anywhere, and the passes they make."""

    def __init__(self) -> None:
        self._settings = {name: read_settings(BUILT_IN[name]) for name in WRITERS}
        self._reads = {name: self._of(name) for name in WRITERS}

    def _of(self, name: str) -> list[bytes]:
        kgs = (0, 20, 480, 9_870, 15_620, 15_620, 15_640, 49_000, -40)
        own = [WRITERS[name](Display(_AT_MS, kg, moving=False)) for kg in kgs]
        public = [bytes.fromhex(one["payload_hex"]) for one in _vectors("indicators") if "payload_hex" in one]
        return own * 3 + public

    def one(self, rng: Random, outcome: DialectOutcome) -> tuple[bytes, Iterator[str]]:
        name = rng.choice(list(self._reads))
        pieces = [rng.choice(self._reads[name]) for _ in range(rng.choice((1, 4, 12)))]
        stream = b"".join(_spoiled(rng, one) if rng.random() < 0.4 else one for one in pieces)
        return stream, self._faults(rng, self._settings[name], stream, outcome)

    def _faults(self, rng: Random, settings: ScaleSettings, data: bytes, outcome: DialectOutcome) -> Iterator[str]:
        stream, passes, plausible = FrameStream(settings), Passes(settings), Plausibility(settings)
        at, now, given, largest = 0, _AT_MS, 0, 0
        while at < len(data):
            step = rng.randint(1, 1 + len(data) // 3)
            for item in stream.feed(data[at : at + step]):
                given += len(item.raw)
                if isinstance(item, Skipped):
                    outcome.refused[f"{item.fault}"] += 1
                    continue
                outcome.readings["indicator"] += 1
                plausible.frame(item)
                with suppress(NoWeight, FrameError):
                    shown_kg(item, settings)
                for event in passes.take(item, now):
                    plausible.event(event)
            at += step
            now += rng.choice((0, 100, 100, 1_500, 30_000, -500))
            largest = max(largest, stream.waiting_bytes)
        if given > len(data):
            yield f"indicator: {given} bytes came out of {len(data)}"
        if largest > len(data) or largest > 1_000:
            yield f"indicator: {largest} bytes wait"
