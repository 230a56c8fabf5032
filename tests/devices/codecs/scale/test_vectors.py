"""Public vectors of weighing indicators, each read to the stated values or refused for the stated reason.

They lie beside the project (`shared/data/dialects/indicators.jsonl`); the tests skip where they are absent.
`test_stream` has frames of our own.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import pytest

from devices.codecs.scale.frame import KG_PER, Frame, FrameError
from devices.codecs.scale.settings import WITHOUT_UNIT, ScaleSettings, read_settings
from devices.codecs.scale.stream import FrameStream, Skipped, read_frame
from devices.codecs.scale.weight import Cause, NoWeight, ticket_kg
from devices.codecs.scale.yaohua import Quantity, request
from tests import ROOT

FILE: Final = ROOT.parent / "shared" / "data" / "dialects" / "indicators.jsonl"
VECTORS: Final = [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.is_file() else []
pytestmark = pytest.mark.skipif(not VECTORS, reason="shared/data/dialects/indicators.jsonl is not beside the project")

Vector = Mapping[str, Any]

FORMATS: Final = {
    "yaohua_continuous": "yaohua",
    "yaohua_a12": "yaohua_a12",
    "toledo_continuous": "toledo",
    "text_line": "text",
    "command": "command",
}
NOT_READ: Final = {
    # what a frame says and no weighing needs
    "device_id",
    "lamp",
    "stable_needs",
    "decimals",
    "checksum_ok",
    "first_partial_dropped",
}


def settings_of(vector: Vector) -> ScaleSettings:
    """The profile that a person would write after reading the vector's edition."""
    name, kind = vector["id"], vector["kind"]
    if kind == "yaohua_equals":
        chosen = "yaohua_reversed" if "format 1" in vector["edition"] else "yaohua_forward"
    else:
        in_name = {"toledo": "toledo", "text": "text", "a12": "yaohua_a12"}
        chosen = FORMATS.get(kind) or next((value for part, value in in_name.items() if part in name), "yaohua")
    settings: dict[str, Any] = {"format": chosen}
    if chosen in WITHOUT_UNIT:
        settings["unit"] = "kg"
    if vector["edition"] == "17 bytes":
        settings["check"] = False
    return read_settings(settings)


def reads_of(vector: Vector) -> list[bytes]:
    if "payload_hex_list" in vector:
        return [bytes.fromhex(one) for one in vector["payload_hex_list"]]
    if "payload_hex" in vector:
        return [bytes.fromhex(vector["payload_hex"])]
    return [vector["payload_text"].encode("latin-1")]


def of_kinds(*kinds: str) -> list[Any]:
    return [pytest.param(one, id=one["id"]) for one in VECTORS if one["kind"] in kinds and "payload_hex" in one]


def streamed(vector: Vector) -> tuple[list[Frame], list[Skipped], int]:
    stream = FrameStream(settings_of(vector))
    found = [one for read in reads_of(vector) for one in stream.feed(read)]
    frames = [one for one in found if isinstance(one, Frame)]
    return frames, [one for one in found if isinstance(one, Skipped)], stream.waiting_bytes


def kg(frame: Frame) -> Decimal:
    assert frame.weight is not None
    assert frame.unit is not None
    return frame.weight * KG_PER[frame.unit]


def check_values(frame: Frame, expected: Mapping[str, Any]) -> None:
    """Every value that the vector states and a frame has."""
    stated = {name: value for name, value in expected.items() if name not in NOT_READ}
    checks: dict[str, Callable[[], object]] = {
        "weight_kg": lambda: None if frame.weight is None else float(kg(frame)),
        "weight_g": lambda: float(kg(frame) * 1000),
        "weight": lambda: float(frame.weight or 0),
        "unit": lambda: str(frame.unit),
        "tare": lambda: float(frame.tare or 0),
        "net": lambda: frame.net,
        "stable": lambda: frame.stable,
        "state": lambda: str(frame.state),
        "out_of_range": lambda: str(frame.state) == "out_of_range",
        "not_zeroed_since_power_up": lambda: frame.not_zeroed,
        "print_request": lambda: frame.print_request,
        "expanded": lambda: frame.expanded,
        "increment": lambda: frame.increment,
        "address": frame.raw[1:2].decode,
        "quantity": lambda: str(Quantity(frame.raw[2:3].decode()).name).lower(),
    }
    assert {name: checks[name]() for name in stated} == pytest.approx(stated)


@pytest.mark.parametrize(
    "vector", of_kinds("yaohua_continuous", "yaohua_equals", "yaohua_a12", "toledo_continuous", "command")
)
def test_frame_has_the_stated_values(vector: Vector) -> None:
    [raw] = reads_of(vector)
    if "error" in vector["expected"]:
        with pytest.raises(FrameError) as refused:
            read_frame(raw, settings_of(vector))
        assert refused.value.fault == vector["expected"]["error"]
        return
    frame = read_frame(raw, settings_of(vector))
    check_values(frame, vector["expected"])
    assert frame.raw == raw
    if "checksum_ok" in vector["expected"]:
        assert frame.checked is bool(vector["expected"]["checksum_ok"])


@pytest.mark.parametrize("vector", of_kinds("refuse"))
def test_bytes_that_are_no_frame_are_refused_for_the_stated_reason(vector: Vector) -> None:
    [raw] = reads_of(vector)
    with pytest.raises(FrameError) as refused:
        read_frame(raw, settings_of(vector))
    assert refused.value.fault == vector["refuse"]["reason"]
    frames, _, _ = streamed(vector)
    assert frames == []


@pytest.mark.parametrize("vector", of_kinds("text_line"))
def test_lines_have_the_stated_values(vector: Vector) -> None:
    frames, skipped, waiting = streamed(vector)
    expected = vector["expected"]
    readings = expected.get("readings", [expected])
    assert len(frames) == len(readings)
    for frame, values in zip(frames, readings, strict=True):
        check_values(frame, values)
    assert len(skipped) == expected.get("first_line_refused", 0)
    assert waiting == expected.get("bytes_waiting", 0)


@pytest.mark.parametrize(
    "vector", [pytest.param(one, id=one["id"]) for one in VECTORS if one["kind"] == "stream" or "stream" in one["id"]]
)
def test_stream_gives_the_stated_weights_and_loses_no_neighbour(vector: Vector) -> None:
    frames, skipped, waiting = streamed(vector)
    expected = vector["expected"]
    if "results" in expected:
        check_results(frames, skipped, vector)
    else:
        weights = expected.get("weights_kg", expected.get("weights"))
        assert [float(frame.weight or 0) for frame in frames] == pytest.approx(weights)
        assert waiting == expected.get("bytes_waiting", waiting)
    assert len(skipped) == expected.get("refused_stretches", len(skipped))
    if "frames_refused" in expected:  # stretches in which a frame began
        assert len([one for one in skipped if b"\x02" in one.raw]) == expected["frames_refused"]


def check_results(frames: list[Frame], skipped: list[Skipped], vector: Vector) -> None:
    """The source's own words: a number may be shown, `motion` and `over` may not."""
    settings = read_settings({"format": "toledo", "heed_zeroed": False})
    found = [shown(frame, settings) for frame in frames]
    stated = [one for one in vector["expected"]["results"] if one != "refused"]
    assert found == pytest.approx(stated)
    assert len(frames) == vector["expected"]["frames_good"]
    place = vector["expected"]["results"].index("refused")
    before = b"".join(frame.raw for frame in frames[:place])
    assert reads_of(vector)[0].startswith(before + skipped[0].raw)


def shown(frame: Frame, settings: ScaleSettings) -> float | str:
    """What the source shows: net weights as they are, and no number where the scale moves or is over its range."""
    try:
        ticket_kg(frame, settings)
    except NoWeight as exc:
        if exc.cause is not Cause.MINUS:
            return {"out_of_range": "over"}.get(exc.cause, str(exc.cause))
    return float(frame.weight or 0)


REQUESTS: Final = [pytest.param(one, id=one["id"]) for one in VECTORS if "request_hex" in one.get("expected", {})]


@pytest.mark.parametrize("vector", REQUESTS)
def test_request_is_written_as_stated(vector: Vector) -> None:
    expected = vector["expected"]
    asked = request(expected["address"], Quantity[expected["asks"].upper()])
    assert asked.hex() == expected["request_hex"] == vector["query"]
    assert str(Quantity[expected["asks"].upper()]) == expected["command"]


def test_every_vector_is_in_a_test() -> None:
    tests = [value for name, value in globals().items() if name.startswith("test_") and hasattr(value, "pytestmark")]
    marks = [mark for test in tests for mark in test.pytestmark if mark.name == "parametrize"]
    assert {case.id for mark in marks for case in mark.args[1]} == {one["id"] for one in VECTORS}
