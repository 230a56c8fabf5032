"""A small run of `make fuzz` with a fixed seed; the million messages are run by hand."""

import pytest
from msgspec.structs import replace

from devices.codecs.native import encode
from devices.readings.models import Reading
from tests.fuzz.dialects import fuzz_dialects
from tests.fuzz.frames import fuzz_frames
from tests.fuzz.run import fuzz


@pytest.mark.long
def test_ten_thousand_messages_have_no_finding() -> None:
    outcome = fuzz(seed=20, payloads=10_000)
    assert outcome.findings == []
    assert outcome.messages == 10_000
    assert outcome.accepted > 2_500, "enough readings must reach the rules and the store"
    assert len(outcome.refused) >= 9, "all reasons of decoding and admission"
    assert outcome.changes > 0


def test_a_failed_check_is_found_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(reading: Reading) -> bytes:
        return encode(replace(reading, seq=None))

    monkeypatch.setattr("tests.fuzz.path.encode", forgetful)
    finding, *_ = fuzz(seed=1, payloads=300).findings
    assert finding.what.endswith("encoded and decoded is another reading")
    assert b"seq" in finding.message.payload


def test_the_same_seed_is_the_same_run() -> None:
    first, second, other = (fuzz(seed, 300).refused for seed in (7, 7, 8))
    assert first == second != other


def test_two_thousand_frames_have_no_finding() -> None:
    outcome = fuzz_frames(seed=20, frames=2_000)
    assert outcome.findings == []
    assert outcome.readings > 800, "more than the sound neighbours alone"
    assert len(outcome.refused) >= 5, "faults get beyond the check byte"


def test_two_thousand_messages_of_other_dialects_have_no_finding() -> None:
    outcome = fuzz_dialects(seed=20, messages=2_000)
    assert outcome.findings == []
    assert set(outcome.readings) == set(outcome.messages), "of each dialect something is read"
    assert len(outcome.refused) >= 8


def test_a_codec_that_breaks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(value: object) -> float:
        return float(value)  # type: ignore[arg-type]

    monkeypatch.setattr("devices.codecs.trackers.traccar.number", hasty)
    assert any(what.startswith("traccar: ") for what, _ in fuzz_dialects(seed=1, messages=2_000).findings)


def test_a_body_that_breaks_the_codec_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(raw: bytes) -> int:
        return int(raw.hex())

    monkeypatch.setattr("devices.codecs.jt808.location.time_ms", hasty)
    assert "a sound neighbour was lost" in {what for what, _ in fuzz_frames(seed=1, frames=400).findings}
