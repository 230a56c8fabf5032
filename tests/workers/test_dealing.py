"""The order in which workers get the tests."""

import pytest

from tests.workers.dealing import dealt

SHORT = [f"{module}::{number}" for module in "abcdefghij" for number in range(11)]
SIZES = {"k": 2, "l": 4, "m": 3, "n": 1, "o": 3}
LONG = [f"{module}::long{number}" for module, size in SIZES.items() for number in range(size)]


def parts(tests: list[str], workers: int) -> list[list[str]]:
    """As pytest-xdist deals a list (`WorkStealingScheduling.check_schedule`)."""
    rest, found = list(tests), []
    for worker in range(workers):
        size = len(rest) // (workers - worker)
        found.append(rest[:size])
        del rest[:size]
    return found


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_worker_has_its_share_of_long_tests_and_some_begin_with_short_ones(workers: int) -> None:
    order = dealt(SHORT + LONG, workers, lambda test: "long" in test, lambda test: test[0])
    assert sorted(order) == sorted(SHORT + LONG)
    for worker, part in enumerate(parts(order, workers)):
        at = [place for place, test in enumerate(part) if "long" in test]
        assert at == list(range(at[0], at[0] + len(at))), "they are together"
        assert abs(len(at) - len(LONG) / workers) < max(SIZES.values())
        modules = [part[place][0] for place in at]
        assert all(modules.count(module) == SIZES[module] for module in modules), "no module is cut"
        if worker % 2 == 0:
            assert at[0] == 0
        else:
            assert len(part) // 4 < at[0] < at[-1] < len(part) - len(part) // 8, "about the middle"
            assert part[at[0] - 1][0] != part[at[-1] + 1][0], "no module is cut"


def test_few_tests_and_no_long_ones_keep_their_order() -> None:
    assert dealt(SHORT, 3, lambda test: "long" in test, lambda test: test[0]) == SHORT
    assert dealt(LONG[:2], 3, lambda test: "long" in test, lambda test: test[0]) == LONG[:2]
