"""Parts of long messages: put together in any order, bounded, and never mixed."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.codecs.jt808.frame import Frame, Part, assemble, encode_frame, parse_frame
from ingest.gateways.jt808.figures import Refused
from ingest.gateways.jt808.parts import (
    ASK_AFTER_S,
    ASKED_AT_ONCE,
    MAX_ASKED,
    MAX_MESSAGES,
    MAX_PARTS,
    Budget,
    PartsRefused,
    PartStore,
    WholeMessage,
)

PHONE = "013912345678"
BUDGET = 100_000


def part(number: int, total: int, body: bytes, message_id: int = 0x0704, before: int = 100) -> tuple[bytes, Frame]:
    """`before`: the serial before that of part 1."""
    frame = Frame(message_id, PHONE, (before + number) & 0xFFFF, body, part=Part(total, number))
    return encode_frame(frame), frame


def store(
    budget: Budget | None = None, message_bytes: int = 65_536, given_up: list[Refused] | None = None
) -> PartStore:
    return PartStore(budget or Budget(BUDGET), message_bytes, ([] if given_up is None else given_up).append)


def body_of(whole: WholeMessage) -> bytes:
    """As the codec reads it from what is published."""
    frames = [parse_frame(b"~" + raw + b"~") for raw in whole.payload.split(b"~") if raw]
    return assemble(frames).body


@settings(max_examples=60)
@given(
    bodies=st.lists(st.binary(min_size=1, max_size=40), min_size=2, max_size=6, unique=True),
    order=st.randoms(use_true_random=False),
    repeats=st.integers(0, 3),
)
def test_any_order_and_any_repeats_give_the_message_once(bodies: list[bytes], order: Random, repeats: int) -> None:
    budget = Budget(BUDGET)
    parts = [part(number, len(bodies), body) for number, body in enumerate(bodies, 1)]
    arriving = list(parts)
    order.shuffle(arriving)
    last = arriving.pop()
    arriving += arriving[:repeats]
    tested = store(budget)
    assert [tested.add(raw, frame, 0.0) for raw, frame in arriving] == [None] * len(arriving)
    whole = tested.add(*last, 0.0)
    assert whole is not None
    assert body_of(whole) == b"".join(bodies)
    assert [frame.serial for frame in whole.frames] == [100 + number for number in range(1, len(bodies) + 1)]
    assert len(tested) == 0
    assert budget.take(BUDGET)


def test_two_messages_that_come_at_once_are_not_mixed() -> None:
    tested = store()
    for number in (1, 2):
        assert tested.add(*part(number, 3, bytes([number])), 0.0) is None
        assert tested.add(*part(number, 3, bytes([10 + number]), 0x0801), 0.0) is None
    first, second = tested.add(*part(3, 3, b"\x03"), 0.0), tested.add(*part(3, 3, b"\x0d", 0x0801), 0.0)
    assert first is not None
    assert second is not None
    assert (body_of(first), body_of(second)) == (b"\x01\x02\x03", b"\x0b\x0c\x0d")


def test_a_message_that_was_given_up_does_not_spoil_the_next_one() -> None:
    tested = store()
    tested.add(*part(1, 3, b"old1"), 0.0)
    tested.add(*part(2, 3, b"old2"), 0.0)
    tested.add(*part(1, 3, b"new1"), 1.0)
    tested.add(*part(2, 3, b"new2"), 1.0)
    whole = tested.add(*part(3, 3, b"new3"), 1.0)
    assert whole is not None
    assert body_of(whole) == b"new1new2new3"


def test_two_messages_that_each_lost_a_part_are_never_joined() -> None:
    given_up: list[Refused] = []
    tested = store(given_up=given_up)
    assert tested.add(*part(1, 2, b"old1", before=100), 0.0) is None
    assert tested.add(*part(2, 2, b"new2", before=110), 1.0) is None
    missing = {(one.first_serial, one.numbers) for one in tested.overdue(20.0)}
    assert missing == {(101, (2,)), (111, (1,))}
    whole = tested.add(*part(2, 2, b"old2", before=100), 21.0)
    assert whole is not None
    assert body_of(whole) == b"old1old2"
    for second in range(22, 100):
        tested.overdue(float(second))
    assert (given_up, len(tested)) == ([Refused.SCATTERED_PARTS], 0)


def test_serials_go_on_at_0_after_65_535_within_a_message() -> None:
    tested = store()
    tested.add(*part(1, 3, b"a", before=0xFFFD), 0.0)
    tested.add(*part(3, 3, b"c", before=0xFFFD), 0.0)
    whole = tested.add(*part(2, 3, b"b", before=0xFFFD), 0.0)
    assert whole is not None
    assert [frame.serial for frame in whole.frames] == [0xFFFE, 0xFFFF, 0]


@settings(max_examples=100)
@given(dice=st.randoms(use_true_random=False), total=st.integers(2, 5), messages=st.integers(2, 4))
def test_whatever_is_lost_repeated_and_mixed_each_whole_message_is_one_that_was_sent(
    dice: Random, total: int, messages: int
) -> None:
    """Bodies name their message, so a spliced one shows two names."""
    tested = store()
    parts = [
        part(number, total, bytes([message]) * 3, before=message * total)
        for message in range(messages)
        for number in range(1, total + 1)
        if dice.random() < 0.8
    ]
    parts += dice.choices(parts, k=2) if parts else []
    dice.shuffle(parts)
    for raw, frame in parts:
        whole = tested.add(raw, frame, 0.0)
        if whole is not None:
            assert len(set(body_of(whole))) == 1


def test_missing_parts_are_asked_for_later_and_later_and_then_the_message_is_dropped() -> None:
    budget, given_up = Budget(BUDGET), list[Refused]()
    tested = store(budget, given_up=given_up)
    tested.add(*part(2, 4, b"two"), 0.0)
    asked = [(second, missing) for second in range(200) for missing in tested.overdue(float(second))]
    assert [second for second, _ in asked] == [10, 20, 30]
    assert {missing.numbers for _, missing in asked} == {(1, 3, 4)}
    assert {missing.first_serial for _, missing in asked} == {101}
    assert len(asked) == MAX_ASKED
    assert (len(tested), budget.take(BUDGET)) == (0, True)
    assert given_up == [Refused.MISSING_PARTS]


def test_a_part_that_comes_starts_the_waiting_anew() -> None:
    tested = store()
    tested.add(*part(1, 3, b"one"), 0.0)
    assert len(tested.overdue(ASK_AFTER_S)) == 1
    tested.add(*part(2, 3, b"two"), ASK_AFTER_S)
    assert tested.overdue(2 * ASK_AFTER_S - 1) == []
    [missing] = tested.overdue(2 * ASK_AFTER_S)
    assert missing.numbers == (3,)


def test_no_more_numbers_are_asked_for_than_a_request_holds() -> None:
    tested = store()
    tested.add(*part(1, MAX_PARTS, b"one"), 0.0)
    [missing] = tested.overdue(ASK_AFTER_S)
    assert missing.numbers == tuple(range(2, ASKED_AT_ONCE + 2))


def test_the_oldest_message_gives_way_to_one_too_many() -> None:
    given_up: list[Refused] = []
    tested = store(given_up=given_up)
    for message_id in range(MAX_MESSAGES + 1):
        tested.add(*part(1, 2, b"one", message_id), float(message_id))
    assert (len(tested), given_up) == (MAX_MESSAGES, [Refused.MISSING_PARTS])
    kept = [tested.add(*part(2, 2, b"two", message_id), 9.0) is not None for message_id in range(MAX_MESSAGES, 0, -1)]
    assert kept == [True] * MAX_MESSAGES
    assert tested.add(*part(2, 2, b"two", 0), 9.0) is None


@pytest.mark.parametrize(
    ("budget", "message_bytes", "reason"), [(50, 65_536, Refused.NO_ROOM), (BUDGET, 50, Refused.TOO_LARGE)]
)
def test_bounds_refuse_the_message_and_give_its_bytes_back(budget: int, message_bytes: int, reason: Refused) -> None:
    shared = Budget(budget)
    tested = store(shared, message_bytes)
    tested.add(*part(1, 3, bytes(20)), 0.0)
    with pytest.raises(PartsRefused) as caught:
        tested.add(*part(2, 3, bytes(20)), 0.0)
    assert caught.value.reason is reason
    assert shared.take(budget)


def test_the_rest_of_a_message_that_is_too_large_is_refused_and_nothing_of_it_is_asked_for() -> None:
    given_up: list[Refused] = []
    tested = store(message_bytes=100, given_up=given_up)
    results: list[WholeMessage | Refused | None] = []
    for number in range(1, 9):
        try:
            results.append(tested.add(*part(number, 8, bytes(20)), 0.0))
        except PartsRefused as exc:
            results.append(exc.reason)
    assert results == [None, None, *[Refused.TOO_LARGE] * 6]
    assert [asked for second in range(100) for asked in tested.overdue(float(second))] == []
    assert (len(tested), given_up) == (0, [])
    assert tested.add(*part(1, 8, bytes(20)), 100.0) is None


def test_the_end_of_a_connection_gives_everything_back() -> None:
    shared = Budget(BUDGET)
    tested = store(shared)
    tested.add(*part(1, 3, bytes(20)), 0.0)
    assert not shared.take(BUDGET)
    tested.clear()
    assert shared.take(BUDGET)


def test_the_promise_of_too_many_parts_is_refused() -> None:
    with pytest.raises(PartsRefused):
        store().add(*part(1, MAX_PARTS + 1, b"one"), 0.0)
