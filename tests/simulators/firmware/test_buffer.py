"""A ring that gives one reading at a time when live, arrays when it has something to catch up with."""

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.readings.models import Kind
from simulators.firmware.buffer import Buffer, PendingReading


def pending(number: int, kind: Kind = Kind.FILL, size: int = 10) -> PendingReading:
    return PendingReading(kind, str(number).encode().ljust(size))


def drained(buffer: Buffer) -> list[list[int]]:
    batches = []
    while batch := buffer.next_batch():
        batches.append([int(each.payload) for each in batch])
        buffer.delivered(batch)
    return batches


def test_live_readings_go_one_by_one() -> None:
    buffer = Buffer(10)
    for number in range(3):
        buffer.add(pending(number), online=True)
    assert drained(buffer) == [[0], [1], [2]]


def test_stored_arrays_take_turns_with_live_readings() -> None:
    buffer = Buffer(1_000)
    for number in range(500):
        buffer.add(pending(number), online=False)
    for number in (900, 901, 902, 903):
        buffer.add(pending(number), online=True)
    batches = drained(buffer)
    assert [len(batch) for batch in batches] == [200, 1, 200, 1, 100, 1, 1]
    assert [batch[0] for batch in batches if len(batch) == 1] == [900, 901, 902, 903]


def test_an_array_is_of_one_kind_never_of_status_and_fits_a_payload() -> None:
    buffer = Buffer(1_000)
    kinds = [Kind.FILL, Kind.FILL, Kind.STATUS, Kind.STATUS, Kind.FILL]
    for number, kind in enumerate(kinds):
        buffer.add(pending(number, kind), online=False)
    assert drained(buffer) == [[0, 1], [2], [3], [4]]
    for number in range(20):
        buffer.add(pending(number, size=9_000), online=False)
    assert max(len(batch) for batch in drained(buffer)) == MAX_PAYLOAD_BYTES // 9_001


def test_what_is_not_delivered_is_given_again() -> None:
    buffer = Buffer(10)
    buffer.add(pending(1), online=True)
    assert buffer.next_batch() == buffer.next_batch() == (pending(1),)
    buffer.went_offline()
    buffer.delivered((pending(1),))
    assert len(buffer) == 0


def test_a_full_ring_lets_the_oldest_go_even_while_it_is_being_sent() -> None:
    buffer = Buffer(3)
    assert all(buffer.add(pending(number), online=False) for number in range(3))
    batch = buffer.next_batch()
    assert not buffer.add(pending(3), online=False)
    buffer.delivered(batch)
    assert drained(buffer) == [[3]]
