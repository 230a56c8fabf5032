"""The codec of scales: a passage becomes one weighing by the registered profile, or a refusal that says what to do."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.registry import CODECS
from devices.codecs.scale import SCALE
from devices.codecs.scale.passage import PassageMessage, write_passage
from devices.codecs.scale.settings import BUILT_IN
from devices.readings.decoding import Decoding
from devices.readings.models import Weighing
from devices.readings.refusals import DecodeError, Reason
from simulators.dialects.scale.bridge import Display
from simulators.dialects.scale.frames import WRITERS

TOPIC: Final = "haulwatch/v1/bridge-1/scale"
TS: Final = 1_795_305_263_054
YAOHUA: Final = WRITERS["yaohua-kg"](Display(0, 15_620, moving=False))


def message(frames: list[bytes] | None = None, **changes: Any) -> bytes:
    values: dict[str, Any] = {
        "ticket": "261201051200-000007",
        "seq": 7,
        "ts": TS,
        "began_at": TS - 9_000,
        "ended_at": TS + 8_000,
        "direction": "in",
        "frames": frames or [YAOHUA] * 8,
        "profile": "yaohua-kg",
        "settings": dict(BUILT_IN["yaohua-kg"]),
    }
    return write_passage(PassageMessage(**(values | changes)))


def decoded(payload: bytes, profile: str = "yaohua-kg", settings: Mapping[str, Any] | None = None) -> Weighing:
    [found] = SCALE.decode(TOPIC, payload, decoding=Decoding("scale", profile, settings or {}))
    assert isinstance(found, Weighing)
    return found


def refusal(
    payload: bytes, profile: str = "yaohua-kg", settings: Mapping[str, Any] | None = None
) -> tuple[Reason, str]:
    with pytest.raises(DecodeError) as caught:
        decoded(payload, profile, settings)
    refused = caught.value.refusal
    assert refused.detail.startswith(f"{refused.field}: ")
    assert refused.detail.isprintable()
    assert len(refused.detail) <= 500
    return refused.reason, refused.field or ""


def test_passage_is_one_weighing() -> None:
    payload = message(plate="晋E·D0101", plate_by="camera", material="spoil", manifest="M-1", zero_kg=0.0)
    assert decoded(payload) == Weighing(
        device_id="bridge-1",
        ts=TS,
        seq=7,
        gross_kg=15_620.0,
        ticket="261201051200-000007",
        direction="in",
        plate="晋E·D0101",
        material="spoil",
        manifest="M-1",
    )


@pytest.mark.parametrize(("unit", "kg"), [("kg", 15_620.0), ("lb", 7_085.113), ("t", None), ("g", 15.62)])
def test_the_registered_profile_says_the_unit_not_the_gateway(unit: str, kg: float | None) -> None:
    city = {"format": "yaohua", "unit": unit}
    if kg is None:
        assert refusal(message(), "bridges", city) == (Reason.OUT_OF_BOUNDS, "frames")
    else:
        assert decoded(message(), "bridges", city).gross_kg == kg


def test_registered_scale_without_a_profile_is_refused_until_it_has_one() -> None:
    assert refusal(message(), "") == (Reason.MISSING_FIELD, "profile")
    assert refusal(message(), "no-such") == (Reason.MISSING_FIELD, "profile")
    assert refusal(message(), "mine", {"format": "yaohua"}) == (Reason.OUT_OF_BOUNDS, "profile")


def test_unregistered_scale_is_read_as_its_gateway_read_it() -> None:
    [found] = SCALE.decode(TOPIC, message())
    assert isinstance(found, Weighing)
    assert found.gross_kg == 15_620.0


def test_net_weight_with_its_tare_is_made_gross() -> None:
    body = b"\x02\x32\x31\x20" + b"012340" + b"003280" + b"\x0d"
    frame = body + bytes([-sum(body) & 0x7F])
    found = decoded(message([frame] * 8), "toledo")
    assert (found.gross_kg, found.tare_kg, found.net_kg) == (15_620.0, None, None)


@pytest.mark.parametrize(
    ("frames", "profile", "reason"),
    [
        ([WRITERS["toledo"](Display(0, 15_620, moving=True))], "toledo", Reason.OUT_OF_BOUNDS),
        ([WRITERS["toledo"](Display(0, 15_620, moving=False, over=True))], "toledo", Reason.OUT_OF_BOUNDS),
        ([WRITERS["toledo"](Display(0, -40, moving=False))], "toledo", Reason.OUT_OF_BOUNDS),
        ([bytes.fromhex("82acf0603030303530303030303030308d30")], "toledo", Reason.OUT_OF_BOUNDS),  # not zeroed
        ([bytes.fromhex("022b30303132333435363030303030300d11")], "toledo", Reason.OUT_OF_BOUNDS),  # expanded
        ([b"ST,NT,  15620 kg\r\n"], "text", Reason.OUT_OF_BOUNDS),  # net, and nobody knows of what
        ([YAOHUA, WRITERS["yaohua-kg"](Display(0, 15_640, moving=False))], "yaohua-kg", Reason.OUT_OF_BOUNDS),
        ([YAOHUA[:-3] + b"00\x03"], "yaohua-kg", Reason.NOT_A_READING),
        ([YAOHUA + YAOHUA], "yaohua-kg", Reason.NOT_A_READING),
        ([b""], "yaohua-kg", Reason.NOT_A_READING),
    ],
)
def test_frames_that_may_not_stand_on_a_ticket_are_refused(frames: list[bytes], profile: str, reason: Reason) -> None:
    assert refusal(message(frames), profile) == (reason, "frames")


@pytest.mark.parametrize(
    ("payload", "reason", "field"),
    [
        (b"{", Reason.BROKEN_JSON, "payload"),
        (b"[]", Reason.NOT_A_READING, "payload"),
        (message(direction="up"), Reason.NOT_A_READING, "payload"),
        (message()[:-1] + b',"frames":[]}', Reason.NOT_A_READING, "payload"),
        (message()[:-1] + b',"frames":["%"]}', Reason.NOT_A_READING, "payload"),
        (message(ts=1), Reason.OUT_OF_BOUNDS, "ts"),
        (message(ticket=""), Reason.OUT_OF_BOUNDS, "ticket"),
        (message(plate="\u200b"), Reason.OUT_OF_BOUNDS, "plate"),
        (b" " * 65_537, Reason.TOO_LARGE, "payload"),
    ],
)
def test_message_that_is_no_passage_is_refused(payload: bytes, reason: Reason, field: str) -> None:
    assert refusal(payload) == (reason, field)


@settings(max_examples=60)
@given(
    frames=st.lists(st.binary(max_size=40) | st.text(max_size=40).map(str.encode), min_size=1, max_size=4),
    profile=st.sampled_from(sorted(BUILT_IN)),
)
def test_no_frames_raise_anything_else(frames: list[bytes], profile: str) -> None:
    with suppress(DecodeError):
        assert decoded(message(frames), profile).gross_kg >= 0


@pytest.mark.parametrize("unit", [b"lb", b"kg"])
def test_number_of_fifty_digits_is_out_of_range(unit: bytes) -> None:
    line = b"ST,GS," + b"9" * 50 + unit + b"\r\n"
    assert refusal(message([line]), "text") == (Reason.OUT_OF_BOUNDS, "frames")


def test_topic_names_the_scale_and_the_filter_of_the_native_dialect_covers_it() -> None:
    assert CODECS.dialect_of(TOPIC) == "scale"
    assert (SCALE.device_of(TOPIC), SCALE.device_of("haulwatch/v1/bridge-1/weighing")) == ("bridge-1", "")
    assert SCALE.topic_filters == ()


@pytest.mark.parametrize(
    ("written", "faults"),
    [
        ({"format": "yaohua", "unit": "kg"}, []),
        ({"format": "toledo", "unit": "lb", "decimals": 1, "check": False}, []),
        ({"format": "text", "empty_kg": 300, "minimum_kg": 500.5, "zero_kg": 0}, []),
        ({}, ["format"]),
        ({"format": "yaohua"}, ["unit"]),
        ({"format": "yaohua_forward"}, ["unit"]),
        ({"format": "command"}, ["unit"]),
        ({"format": "xml", "unit": "stone", "decimals": 9, "baudrate": 1}, ["baudrate", "format", "unit", "decimals"]),
        ({"format": "toledo", "minimum_kg": 100}, ["empty_kg"]),
        ({"format": "toledo", "zero_kg": 300}, ["zero_kg"]),
        ({"format": "toledo", "capacity_kg": 300}, ["minimum_kg"]),
        ({"format": "toledo", "equal_frames": True, "gap_s": "1", "rest_s": None}, ["equal_frames", "rest_s", "gap_s"]),
        ({"format": ["toledo"], "unit": {}}, ["format", "unit"]),
        ({"format": "toledo", "rest_s": 10**400}, ["rest_s"]),
    ],
)
def test_settings_of_a_profile_are_checked_by_key(written: dict[str, Any], faults: list[str]) -> None:
    found = SCALE.check_settings(written)
    assert [key for key, _ in found] == faults
    assert all(problem.isprintable() for _, problem in found)


def test_every_built_in_profile_is_sound_and_goes_through_json() -> None:
    for name in SCALE.profiles():
        assert SCALE.check_settings(json.loads(json.dumps(BUILT_IN[name]))) == ()
