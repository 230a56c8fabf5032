"""The queue of reminders against a heap of everything that was ever added."""

from heapq import heappop, heappush

from hypothesis import given
from hypothesis import strategies as st

from rules.engine.device_state import DeviceState
from rules.engine.reorder_buffer import ReorderBuffer
from rules.engine.timers import Timers


def dossier(device_id: str, wake_at: int = 0) -> DeviceState:
    return DeviceState(device_id, ReorderBuffer(device_id), [], wake_at=wake_at)


def queue(*dossiers: DeviceState) -> Timers:
    reminders = Timers(lambda known: known.wake_at)
    for known in dossiers:
        reminders.add(known)
    return reminders


def popped(reminders: Timers, until: int) -> list[str]:
    found = []
    while (known := reminders.pop(until)) is not None:
        known.wake_at = 0
        found.append(known.device_id)
    return found


def test_they_come_up_by_time_then_device_once_it_is_time() -> None:
    reminders = queue(dossier("c", 1_500), dossier("b", 9_000), dossier("a", 1_500), dossier("d", 1_501))
    assert popped(reminders, 1_499) == []
    assert popped(reminders, 1_500) == ["a", "c"]
    assert popped(reminders, 8_999) == ["d"]
    assert popped(reminders, 9_000) == ["b"]


def test_one_that_says_another_time_by_then_comes_up_at_that() -> None:
    moved = dossier("a", 5_000)
    reminders = queue(moved, dossier("b", 5_500))
    moved.wake_at = 1_200
    reminders.add(moved)
    assert popped(reminders, 1_200) == ["a"]
    moved.wake_at = 5_900
    reminders.add(moved)
    assert popped(reminders, 5_800) == ["b"]
    assert popped(reminders, 6_000) == ["a"]


def test_what_is_overdue_when_it_is_added_comes_up_next() -> None:
    reminders = queue(dossier("b", 5_100), dossier("c", 5_200))
    known = reminders.pop(5_150)
    assert known is not None
    known.wake_at = 0
    reminders.add(dossier("a", 3_000))
    assert popped(reminders, 5_150) == ["a"]
    assert popped(reminders, 5_200) == ["c"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("abcd"), st.integers(1, 6_000)),  # a device is to come up then
            st.integers(0, 1_500),  # time goes on by so much
        ),
        max_size=60,
    )
)
def test_it_is_a_heap(steps: list[tuple[str, int] | int]) -> None:
    """As an engine uses it: a dossier is moved to earlier times only, until it came up."""
    dossiers = {name: dossier(name) for name in "abcd"}
    reminders, heap, now = queue(), list[tuple[int, str]](), 0
    for step in steps:
        if isinstance(step, tuple):
            known, due = dossiers[step[0]], step[1]
            if not known.wake_at or due < known.wake_at:
                known.wake_at = due
                reminders.add(known)
                heappush(heap, (due, known.device_id))
            continue
        now += step
        expected = []
        wanted = {name: known.wake_at for name, known in dossiers.items()}
        while heap and heap[0][0] <= now:
            due, name = heappop(heap)
            if wanted[name] == due:
                wanted[name] = 0
                expected.append(name)
        assert popped(reminders, now) == expected
