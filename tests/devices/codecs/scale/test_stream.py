"""Streams of indicators: frames written by the simulator, cut and spoiled, lose no neighbour and raise nothing."""

from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.scale.frame import Frame, without_parity
from devices.codecs.scale.settings import BUILT_IN, Format, built_in, read_settings
from devices.codecs.scale.stream import FrameStream, Skipped
from simulators.dialects.scale.bridge import Display
from simulators.dialects.scale.frames import WRITERS
from simulators.dialects.scale.line import Faults, spoiled

WITHOUT_CHECK: Final = {"yaohua-reversed-kg", "text"}


def fed(stream: FrameStream, reads: list[bytes]) -> list[Frame | Skipped]:
    return [one for read in reads for one in stream.feed(read)]


def weights(found: list[Frame | Skipped]) -> list[float]:
    return [float(one.weight) for one in found if isinstance(one, Frame) and one.weight is not None]


def stream_of(profile: str) -> FrameStream:
    chosen = built_in(profile)
    assert chosen is not None
    return FrameStream(chosen)


@pytest.mark.parametrize("profile", WRITERS)
@settings(max_examples=15)
@given(
    kgs=st.lists(st.integers(-990, 99_980), min_size=1, max_size=12),
    cuts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    tail=st.integers(0, 20),
)
def test_frames_come_whole_however_the_bytes_are_divided(
    profile: str, kgs: list[int], cuts: list[int], tail: int
) -> None:
    sent = b"".join(WRITERS[profile](Display(0, kg, moving=False)) for kg in kgs)
    # The end of an older frame before them; the mark that makes the last frame sure behind.
    sent = (
        WRITERS[profile](Display(0, 500, moving=False))[-tail:] * bool(tail % 5)
        + sent
        + b"=" * (profile == "yaohua-reversed-kg")
    )
    reads: list[bytes] = []
    at = 0
    while at < len(sent):
        size = cuts[len(reads) % len(cuts)]
        reads.append(sent[at : at + size])
        at += size
    found = weights(fed(stream_of(profile), reads))
    assert found[-len(kgs) :] == kgs


@pytest.mark.parametrize("profile", sorted(WRITERS.keys() - WITHOUT_CHECK))
def test_a_spoiled_frame_takes_no_other_with_it(profile: str) -> None:
    """Every frame that arrived as it was sent is found; what is found besides, a check of two digits lets through."""
    rng = Random(7)
    kgs = [rng.randrange(0, 50_000, 20) for _ in range(3_000)]
    frames = [WRITERS[profile](Display(0, kg, moving=False)) for kg in kgs]
    arrived = list(spoiled(frames, Faults(cut=0.05, flipped=0.05, noise=0.05, doubled=0.05), rng))
    bare = without_parity if profile.startswith("toledo") else bytes
    whole = [kg for kg, frame, came in zip(kgs, frames, arrived, strict=True) if bare(came).endswith(bare(frame))]
    found = weights(fed(stream_of(profile), arrived))
    assert len(whole) > 2_000
    rest = iter(found)
    assert all(kg in rest for kg in whole), "a whole frame is missing"
    assert len(found) - len(whole) <= 3


@pytest.mark.parametrize("profile", BUILT_IN)
@settings(max_examples=40)
@given(reads=st.lists(st.binary(max_size=60) | st.sampled_from([b"\x02", b"=", b"\r\n", b"ST,GS,", b"WG", b"0" * 30])))
def test_noise_raises_nothing_and_is_not_kept(profile: str, reads: list[bytes]) -> None:
    stream = stream_of(profile)
    found = fed(stream, reads)
    kept = sum(len(one.raw) for one in found)
    assert kept <= sum(map(len, reads))
    assert stream.waiting_bytes <= 64


def test_start_marks_without_end_are_passed_over() -> None:
    stream = stream_of("yaohua-kg")
    found = fed(stream, [b"\x02" * 4_096] * 16 + [WRITERS["yaohua-kg"](Display(0, 15_620, moving=False))])
    assert weights(found) == [15_620]
    assert max(len(one.raw) for one in found) <= 256


def test_seven_digits_are_never_read_as_a_weight() -> None:
    """Six digits and a count of decimals, captured from a car of 1,560 kg: not 15,600."""
    [frame] = stream_of("yaohua-kg").feed(bytes.fromhex("022b30303135363030313903"))
    assert isinstance(frame, Frame)
    assert frame.weight == 1_560


def test_frame_with_other_decimals_than_the_profile_is_refused() -> None:
    stream = FrameStream(read_settings({"format": "yaohua", "unit": "kg", "decimals": 1}))
    found = stream.feed(WRITERS["yaohua-kg"](Display(0, 15_620, moving=False)) * 2)
    assert weights(found) == []


def test_equals_frame_without_a_point_needs_the_decimals_of_the_profile() -> None:
    sent = b"=00015620=00015620="
    assert weights(FrameStream(read_settings({"format": "yaohua_forward", "unit": "kg"})).feed(sent)) == []
    stated = FrameStream(read_settings({"format": "yaohua_forward", "unit": "kg", "decimals": 0}))
    assert weights(stated.feed(sent)) == [15_620, 15_620]


@pytest.mark.parametrize(
    ("line", "weight"),
    [
        (b"ww000.000lb\r\n", 0.0),
        (b"wn-0000.1kg\r\n", -0.1),
        (b"ST,GS,+  15620kg\r\n", 15_620.0),
        (b"ST,NT,-   12.5 t\r\n", -12.5),
    ],
)
def test_lines_of_makers(line: bytes, weight: float) -> None:
    assert weights(FrameStream(read_settings({"format": "text"})).feed(line)) == [weight]


@pytest.mark.parametrize(
    "line", [b"wt000.000kg", b"ST,GS,3,015kg", b"ST,GS,  15620", b"ST,TR, 12 kg", b"   15620", b"1.2.3 kg  G"]
)
def test_lines_that_are_no_weight(line: bytes) -> None:
    stream = FrameStream(read_settings({"format": "text"}))
    assert weights(stream.feed(b"\r\n" + line + b"\r\n")) == []


def test_bare_line_needs_a_unit_and_the_end_of_the_line_before() -> None:
    stream = FrameStream(read_settings({"format": "text", "unit": "kg"}))
    assert weights(stream.feed(b"5620.0\r\n 15620.0\r\n 15640.0\r\n")) == [15_620.0, 15_640.0]


def test_every_format_has_a_built_in_profile() -> None:
    assert {chosen.format for name in BUILT_IN if (chosen := built_in(name))} == set(Format)
