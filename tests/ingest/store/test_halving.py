"""A store that fails at one line for ever, at all of one kind, at everything, or for a while."""

from collections.abc import Sequence

import pytest

from ingest.store import StoreFailing, StoreRejected, StoreUnavailable
from ingest.store.halving import write_each

LINES = [f"line-{number}" for number in range(500)]


class Failing:
    """Fails whenever one of its lines is in the call; refuses others for good."""

    def __init__(self, bad: Sequence[int], refused: Sequence[int] = (), *, dies_after: int = 1 << 30) -> None:
        self._bad, self._refused = {LINES[n] for n in bad}, {LINES[n] for n in refused}
        self._dies_after = dies_after
        self.taken: set[str] = set()
        self.calls = 0

    async def write(self, lines: Sequence[str]) -> None:
        self.calls += 1
        if self.calls > self._dies_after or self._bad & set(lines):
            raise StoreFailing("HTTP 500: panic")
        self.taken |= set(lines) - self._refused
        refused = [(index, "field type conflict") for index, line in enumerate(lines) if line in self._refused]
        if refused:
            raise StoreRejected(refused)


@pytest.mark.parametrize("bad", [[0], [499], [7, 8], [3, 250, 498], list(range(100, 200))])
async def test_the_lines_at_which_it_fails_are_rejected_and_all_others_written(bad: list[int]) -> None:
    store = Failing(bad, refused=[20])
    with pytest.raises(StoreRejected) as caught:
        await write_each(store.write, LINES)
    assert [index for index, _ in caught.value.rejected] == sorted([20, *bad])
    assert all(
        "the store fails at this reading" in reason or "conflict" in reason for _, reason in caught.value.rejected
    )
    assert store.taken == set(LINES) - {LINES[20]} - {LINES[n] for n in bad}


async def test_a_store_that_fails_at_everything_rejects_nothing_and_is_not_asked_for_long() -> None:
    store = Failing(range(500))
    with pytest.raises(StoreFailing):
        await write_each(store.write, LINES)
    assert store.calls < 30


@pytest.mark.parametrize("dies_after", [5, 12, 18])
async def test_a_store_that_dies_under_way_rejects_nothing(dies_after: int) -> None:
    store = Failing([7], dies_after=dies_after)
    with pytest.raises(StoreUnavailable):
        await write_each(store.write, LINES)


async def test_one_line_alone_at_which_it_fails_is_kept() -> None:
    """Nothing says whether the line or the store is to blame."""
    with pytest.raises(StoreFailing):
        await write_each(Failing([0]).write, LINES[:1])
