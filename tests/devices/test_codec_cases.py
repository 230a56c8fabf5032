"""Every folder of `cases/` is a message and what becomes of it. A new bug report becomes a new folder."""

import json
from pathlib import Path

import pytest

from devices.codec import Flaw, decode
from devices.readings import Reading
from devices.refusals import DecodeError, Refusal

CASES = sorted((Path(__file__).parent / "cases").iterdir())


def told(refusal: Refusal) -> str:
    return f"{refusal.reason}: {refusal.field}"


def shown(item: Reading | Flaw) -> object:
    return {"flaw": told(item.refusal)} if isinstance(item, Flaw) else item.model_dump(mode="json", exclude_none=True)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_message_becomes_what_its_case_says(case: Path) -> None:
    topic = (case / "topic.txt").read_text().rstrip("\n")
    payload = next(case.glob("payload.*")).read_bytes()
    if (case / "error.txt").exists():
        with pytest.raises(DecodeError) as caught:
            decode(topic, payload)
        refusal = caught.value.refusal
        assert told(refusal) == (case / "error.txt").read_text().strip()
        assert refusal.detail.startswith(str(refusal.field)), "a refusal's sentence begins with the field it concerns"
        assert len(refusal.detail) <= 500
        assert refusal.detail.isprintable()
    else:
        assert [shown(item) for item in decode(topic, payload)] == json.loads((case / "expected.json").read_text())


def test_flaw_keeps_the_bad_element_for_the_dead_letters() -> None:
    flaw = decode("haulwatch/v1/point-1/fill", '[{"ts": 1767225600000, "fill_pct": "满"}]'.encode())[0]
    assert isinstance(flaw, Flaw)
    assert json.loads(flaw.raw) == {"ts": 1767225600000, "fill_pct": "满"}


def test_size_limit_is_the_callers_to_lower() -> None:
    payload = b'{"ts": 1767225600000, "fill_pct": 5}'
    assert decode("haulwatch/v1/point-1/fill", payload, max_bytes=len(payload))
    with pytest.raises(DecodeError, match="too_large"):
        decode("haulwatch/v1/point-1/fill", payload, max_bytes=len(payload) - 1)
