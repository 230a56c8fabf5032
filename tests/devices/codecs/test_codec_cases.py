"""Every folder of `cases/` holds a message and its result. A new bug report becomes a new folder."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec import to_builtins

from devices.codecs.codec import CorrectedItems, Flaw
from devices.codecs.native import NATIVE
from devices.codecs.registry import decode
from devices.readings.field_check import Correction
from devices.readings.models import Fill, Reading
from devices.readings.refusals import DecodeError, Refusal

CASES = sorted((Path(__file__).parent / "cases").iterdir())


def reason_and_field(refusal: Refusal) -> str:
    return f"{refusal.reason}: {refusal.field}"


def shown(items: list[Reading | Flaw]) -> list[object]:
    corrections = items.corrections if isinstance(items, CorrectedItems) else {}
    return [_shown(item, corrections.get(index, ())) for index, item in enumerate(items)]


def _shown(item: Reading | Flaw, corrections: Sequence[Correction]) -> object:
    if isinstance(item, Flaw):
        return {"flaw": reason_and_field(item.refusal)}
    values = {name: value for name, value in to_builtins(item).items() if value is not None}
    corrected = [f"{one.field} {'clamped' if one.clamped else 'dropped'}" for one in corrections]
    return values | ({"corrected": corrected} if corrected else {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message_becomes_the_result_of_its_case(case: Path) -> None:
    topic = (case / "topic.txt").read_text().rstrip("\n")
    payload = next(case.glob("payload.*")).read_bytes()
    if (case / "error.txt").exists():
        with pytest.raises(DecodeError) as caught:
            decode(topic, payload)
        refusal = caught.value.refusal
        assert reason_and_field(refusal) == (case / "error.txt").read_text().strip()
        assert refusal.detail.startswith(str(refusal.field)), "a refusal's sentence begins with the field it concerns"
        assert len(refusal.detail) <= 500
        assert refusal.detail.isprintable()
    else:
        assert shown(decode(topic, payload)) == json.loads((case / "expected.json").read_text())


def test_flaw_keeps_the_bad_element_for_the_dead_letters() -> None:
    flaw = decode("haulwatch/v1/point-1/fill", '[{"ts": 1767225600000, "fill_pct": "满"}]'.encode())[0]
    assert isinstance(flaw, Flaw)
    assert json.loads(flaw.raw) == {"ts": 1767225600000, "fill_pct": "满"}


def test_caller_can_lower_the_size_limit() -> None:
    payload = b'{"ts": 1767225600000, "fill_pct": 5}'
    assert decode("haulwatch/v1/point-1/fill", payload, max_bytes=len(payload))
    with pytest.raises(DecodeError, match="too_large"):
        decode("haulwatch/v1/point-1/fill", payload, max_bytes=len(payload) - 1)


def test_flaw_keeps_its_bytes_unless_the_array_is_no_strict_json() -> None:
    bad = '{"fill_pct":1e3,  "ts" : 1767225600000, "note":"\\u6ee1"}'
    [flaw, reading] = decode("haulwatch/v1/point-1/fill", f'[ {bad} , {{"ts":1767225600000,"fill_pct":5}}]'.encode())
    assert isinstance(flaw, Flaw)
    assert not isinstance(reading, Flaw)
    assert flaw.raw == bad.encode()
    [flaw, _] = decode("haulwatch/v1/point-1/fill", f'[{bad},{{"ts":NaN}}]'.encode())
    assert isinstance(flaw, Flaw)
    assert json.loads(flaw.raw) == json.loads(bad)


def test_device_left_out_empty_or_null_is_the_one_of_the_topic_in_a_message_and_in_an_array() -> None:
    devices = ("", '"device_id":"",', '"device_id":null,', '"device_id":"P-1",')
    payloads = [f'{{{device}"ts":1767225600000,"fill_pct":5}}' for device in devices]
    readings = [reading for payload in payloads for reading in decode("haulwatch/v1/P-1/fill", payload.encode())]
    assert readings == [Fill(device_id="P-1", ts=1767225600000, fill_pct=5.0)] * 4
    assert decode("haulwatch/v1/P-1/fill", f"[{','.join(payloads)}]".encode()) == readings


@pytest.mark.parametrize("depth", [199, 200, 5_000, 30_000])
def test_depth_of_unknown_fields_is_bounded_independently_of_the_callers_stack(depth: int) -> None:
    payload = b'{"ts":1767225600000,"fill_pct":5,"extra":%s}' % (b"[" * depth + b"]" * depth)
    found = [_outcome(payload), _from_a_deep_stack(payload, 600)]
    assert found == (["taken"] * 2 if depth <= 200 else ["broken_json: payload"] * 2)


@pytest.mark.parametrize(
    "shape", ['{"ts":1767225600000,"fill_pct":5,"extra":%s}', '[{"ts":1767225600000,"fill_pct":5,"extra":%s}]']
)
@pytest.mark.parametrize("extra", [b'"\xff"', b'"\xed\xa0\x80"', rb'"\ud800"', b"1" * 4_301, b"01", b"[1,]", b'"\n"'])
def test_unknown_fields_must_be_json_too(shape: str, extra: bytes) -> None:
    whole = (shape % '{"a":[1,"晋",null,1e999,NaN]}').encode()
    assert len(decode("haulwatch/v1/P-1/fill", whole)) == 1
    assert _outcome(shape.encode() % extra) == "broken_json: payload"


def _from_a_deep_stack(payload: bytes, deep: int) -> str:
    return _from_a_deep_stack(payload, deep - 1) if deep else _outcome(payload)


def _outcome(payload: bytes) -> str:
    try:
        decode("haulwatch/v1/P-1/fill", payload)
    except DecodeError as exc:
        return reason_and_field(exc.refusal)
    return "taken"


@pytest.mark.parametrize(
    ("field", "detail"),
    [
        ('"lat":91', "lat: should be a number from -90 to 90 (found 91)"),
        ('"lat":"1"', "lat: should be a number from -90 to 90 (found '1')"),
        ('"ts":1', "ts: should be a whole number from 946684800000 to 4102444800000 (found 1)"),
        ('"located":1', "located: should be true or false (found 1)"),
    ],
)
def test_refusal_of_a_position_names_the_expected_and_the_found_value(field: str, detail: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode("haulwatch/v1/truck-1/position", f'{{"ts":1767225600000,"lat":1,"lon":2,{field}}}'.encode())
    assert caught.value.refusal.detail == detail


@pytest.mark.parametrize(
    ("field", "detail"),
    [
        ('"tare_kg":-1', "tare_kg: should be a number from 0 to 200000 (found -1)"),
        ('"stable":1', "stable: should be true or false (found 1)"),
        ('"direction":"up"', "direction: should be 'in' or 'out' (found 'up')"),
        ('"manifest":""', "manifest: should be text of 1 to 64 characters (found '')"),
        ('"manifest":"M\\u200b"', "manifest: Text should have no invisible character, has U+200B (found 'M\\u200b')"),
    ],
)
def test_refusal_of_a_ticket_names_the_expected_and_the_found_value(field: str, detail: str) -> None:
    ticket = f'{{"ts":1767225600000,"gross_kg":1,"ticket":"T","direction":"in",{field}}}'
    with pytest.raises(DecodeError) as caught:
        decode("haulwatch/v1/weighbridge-1/weighing", ticket.encode())
    assert caught.value.refusal.detail == detail


def test_the_first_bad_field_in_the_models_order_is_named_whatever_the_payloads_order() -> None:
    for fields in ('"lon":"x","lat":91', '"lat":91,"lon":"x"', '"hdop":-1,"lon":"x","seq":1,"lat":1,"lat":91'):
        with pytest.raises(DecodeError, match="out_of_bounds: lat"):
            decode("haulwatch/v1/truck-1/position", f'{{{fields},"ts":1767225600000}}'.encode())


def test_elements_of_an_array_with_padding_can_be_kept_alone() -> None:
    padded = b'[{"ts":1767225600000,"fill_pct":5}]\r\n\0\0'
    assert NATIVE.split(padded) == [b'{"ts":1767225600000,"fill_pct":5}']
