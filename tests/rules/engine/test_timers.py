"""Timers, compared with a heap of everything that was ever added."""

from heapq import heappop, heappush

from hypothesis import given
from hypothesis import strategies as st

from rules.engine.device_state import DeviceState
from rules.engine.reorder_buffer import ReorderBuffer
from rules.engine.timers import Timers, WakeTimers


def device(device_id: str, wake_at: int = 0) -> DeviceState:
    return DeviceState(device_id, ReorderBuffer(device_id), [], [], wake_at=wake_at)


def timers_of(*devices: DeviceState) -> Timers:
    timers = WakeTimers()
    for device_state in devices:
        timers.add(device_state)
    return timers


def popped(timers: Timers, until: int) -> list[str]:
    fired = []
    while (device_state := timers.pop(until)) is not None:
        device_state.wake_at = 0
        fired.append(device_state.device_id)
    return fired


def test_devices_fire_by_time_then_id_once_it_is_time() -> None:
    timers = timers_of(device("c", 1_500), device("b", 9_000), device("a", 1_500), device("d", 1_501))
    assert popped(timers, 1_499) == []
    assert popped(timers, 1_500) == ["a", "c"]
    assert popped(timers, 8_999) == ["d"]
    assert popped(timers, 9_000) == ["b"]


def test_a_device_whose_due_time_moved_fires_at_the_new_one() -> None:
    moved = device("a", 5_000)
    timers = timers_of(moved, device("b", 5_500))
    moved.wake_at = 1_200
    timers.add(moved)
    assert popped(timers, 1_200) == ["a"]
    moved.wake_at = 5_900
    timers.add(moved)
    assert popped(timers, 5_800) == ["b"]
    assert popped(timers, 6_000) == ["a"]


def test_a_device_that_is_overdue_when_it_is_added_fires_next() -> None:
    timers = timers_of(device("b", 5_100), device("c", 5_200))
    device_state = timers.pop(5_150)
    assert device_state is not None
    device_state.wake_at = 0
    timers.add(device("a", 3_000))
    assert popped(timers, 5_150) == ["a"]
    assert popped(timers, 5_200) == ["c"]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from("abcd"), st.integers(1, 6_000)),  # a device is to fire then
            st.integers(0, 1_500),  # time passes
        ),
        max_size=60,
    )
)
def test_timers_fire_as_a_heap_would(steps: list[tuple[str, int] | int]) -> None:
    """As the engine uses it: a due time moves to earlier times only, until the device has fired."""
    devices = {name: device(name) for name in "abcd"}
    timers, heap, now = timers_of(), list[tuple[int, str]](), 0
    for step in steps:
        if isinstance(step, tuple):
            device_state, due = devices[step[0]], step[1]
            if not device_state.wake_at or due < device_state.wake_at:
                device_state.wake_at = due
                timers.add(device_state)
                heappush(heap, (due, device_state.device_id))
            continue
        now += step
        expected = []
        wanted = {name: device_state.wake_at for name, device_state in devices.items()}
        while heap and heap[0][0] <= now:
            due, name = heappop(heap)
            if wanted[name] == due:
                wanted[name] = 0
                expected.append(name)
        assert popped(timers, now) == expected
