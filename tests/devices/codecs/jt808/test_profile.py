"""Profiles of terminals: what a city may write down for a model, and what is read by it."""

from typing import Any

import pytest

from devices.codecs.codec import ProfiledCodec
from devices.codecs.jt808.codec import JT808
from devices.codecs.jt808.frame import Frame, encode_frame
from devices.codecs.registry import decode
from devices.readings.decoding import Decoding
from devices.readings.models import Load, Position
from tests.devices.codecs.jt808.test_codec import PHONE, TOPIC, location

LOCATED = 0b11
NO_SUCH_SETTING = "there is no such setting: docs/dialects/jt808.md lists those there are"


def read(settings: dict[str, Any], status: int = LOCATED, items: str = "", alarm: int = 0) -> Position:
    raw = encode_frame(Frame(0x0200, PHONE, 1, location(alarm=alarm, status=status, items=items)))
    [reading] = decode(TOPIC, raw, decoding=Decoding("jt808", "model-a", settings))
    assert isinstance(reading, Position)
    return reading


@pytest.mark.parametrize(
    ("bit", "status", "alarm", "items", "lift_up"),
    [
        ({"bit": 30}, 1 << 30, 0, "", True),
        ({"bit": 30}, 1 << 29, 0, "", False),
        ({"bit": 30, "clear": "unknown"}, 0, 0, "", None),
        ({"bit": 16, "word": "alarm"}, 0, 1 << 16, "", True),
        ({"bit": 16, "word": "alarm"}, 1 << 16, 0, "", False),
        ({"item": 0xE4, "bit": 1}, 0, 0, "e4 04 00000002", True),
        ({"item": 0xE4, "bit": 23}, 0, 0, "e4 04 00800000", True),
        ({"item": 0xE4, "bit": 8}, 0, 0, "e4 01 ff", None),
        ({"item": 0xE4, "bit": 0}, 0, 0, "e3 01 ff", None),
    ],
)
def test_a_switch_is_a_bit(bit: dict[str, Any], status: int, alarm: int, items: str, lift_up: bool | None) -> None:
    assert read({"lift_up": bit}, LOCATED | status, items, alarm).lift_up is lift_up
    assert read({"cover_open": bit}, LOCATED | status, items, alarm).cover_open is lift_up


@pytest.mark.parametrize(
    ("item", "load_kg"),
    [("ea 04 0004d200", 12_340.0), ("ea 03 00ffff", None), ("ea 02 0004", None), ("eb 04 0004d200", None), ("", None)],
)
def test_a_weight_is_a_number_in_an_item(item: str, load_kg: float | None) -> None:
    settings = {"load_kg": {"item": 0xEA, "at": 1, "size": 2, "unit_kg": 10, "unknown": [0xFFFF]}}
    assert read(settings, items=item).load_kg == load_kg


def test_a_weight_beyond_what_a_truck_holds_is_dropped() -> None:
    settings = {"load_kg": {"item": 0xEA, "size": 4, "unit_kg": 1}}
    assert read(settings, items="ea 04 00030d41").load_kg is None


@pytest.mark.parametrize(
    ("settings", "status", "items", "load"),
    [
        ({"load": {"item": 0x52, "empty": [1], "loaded": [2, 4], "partial": [3]}}, 3 << 8, "52 01 01", Load.EMPTY),
        ({"load": {"item": 0x52, "empty": [1], "loaded": [2, 4], "partial": [3]}}, 0, "52 01 04", Load.LOADED),
        ({"load": {"item": 0x52, "empty": [1], "loaded": [2, 4], "partial": [3]}}, 0, "52 01 03", Load.PARTIAL),
        ({"load": {"item": 0x52, "empty": [1], "loaded": [2]}}, 3 << 8, "52 01 09", None),
        ({"loaded": {"bit": 28}}, 1 << 28, "", Load.LOADED),
        ({"loaded": {"bit": 28}}, 3 << 8, "", Load.EMPTY),
        ({"loaded": {"bit": 28, "clear": "unknown"}}, 3 << 8, "", None),
        ({"load_bits": "all"}, 0, "", Load.EMPTY),
        ({"load_bits": "none"}, 3 << 8, "", None),
        ({"lift_up": {"bit": 30}}, 0, "", None),
        ({"lift_up": {"bit": 30}}, 3 << 8, "", Load.LOADED),
    ],
)
def test_the_load_has_one_source(settings: dict[str, Any], status: int, items: str, load: Load | None) -> None:
    assert read(settings, LOCATED | status, items).load is load


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({}, None),
        ({"lift_up": {"bit": 30}, "load_kg": {"item": 1, "size": 4, "unit_kg": 0.5}, "load_bits": "none"}, None),
        ({"lift": {"bit": 30}}, ("lift", NO_SUCH_SETTING)),
        ({"lift_up": {"bit": 30, "x": 1}}, ("lift_up.x", NO_SUCH_SETTING)),
        ({"lift_up": {"bit": 32}}, ("lift_up", "the words have bits 0 to 31")),
        ({"lift_up": {"bit": 1, "word": "status", "item": 1}}, ("lift_up", "give either word or item")),
        ({"lift_up": {"bit": "30"}}, ("lift_up.bit", "Input should be a valid integer")),
        ({"lift_up": {"item": 256, "bit": 0}}, ("lift_up.item", "Input should be less than or equal to 255")),
        ({"load_kg": {"item": 1, "size": 2}}, ("load_kg.unit_kg", "Field required")),
        ({"load_bits": "some"}, ("load_bits", "Input should be 'all', 'set' or 'none'")),
        ({"load": {"item": 1, "empty": "x"}}, ("load.empty", "'str' instances are not allowed as a Sequence value")),
        ({1: 2}, ("1", "Keys should be strings")),
    ],
)
def test_faults_in_the_settings_are_named(settings: dict[str, Any], fault: tuple[str, str] | None) -> None:
    assert isinstance(JT808, ProfiledCodec)
    assert JT808.check_settings(settings) == ([] if fault is None else [fault])


def test_settings_that_no_longer_hold_leave_what_the_standard_says() -> None:
    """A city's revision of a former version may have them: its messages are still read."""
    assert read({"lift": {"bit": 30}}, LOCATED | 1 << 30 | 3 << 8).load is Load.LOADED


def test_the_profiles_of_published_firmware_have_names() -> None:
    assert set(JT808.profiles()) == {"standard", "load-sensor", "trwy", "e-eye"}
