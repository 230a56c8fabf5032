"""Order of the tests for pytest-xdist, so that some workers compute while others wait."""

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

Test = TypeVar("Test")


def dealt(
    tests: Sequence[Test], workers: int, is_long: Callable[[Test], bool], module: Callable[[Test], Hashable]
) -> list[Test]:
    """Order `tests` for so many workers.

    pytest-xdist (`worksteal`) deals the list in equal parts, and a worker that has no more takes from the end of
    another's part. Each part has its share of the long tests, which mostly wait for processes and browsers: the first
    worker begins with them, the second has them after half of its short ones, which compute, and so on in turn. All
    parts end with short tests. A module stays together, so that its fixtures are made once.
    """
    short = [test for test in tests if not is_long(test)]
    order: list[Test] = []
    for worker, own_long in enumerate(_shares([test for test in tests if is_long(test)], workers, module)):
        # What xdist gives to this worker: what is left, by the number of workers that are left.
        size = (len(tests) - len(order)) // (workers - worker)
        count = max(size - len(own_long), 0)
        own, short = short[:count], short[count:]
        before = 0 if worker % 2 == 0 else _end_of_module(own, len(own) // 2, module)
        order += own[:before] + own_long + own[before:]
    return order + short


def _shares(long: Sequence[Test], workers: int, module: Callable[[Test], Hashable]) -> list[list[Test]]:
    """About as many long tests for each worker, by whole modules: the largest ones first."""
    modules: dict[Hashable, list[Test]] = {}
    for test in long:
        modules.setdefault(module(test), []).append(test)
    shares: list[list[Test]] = [[] for _ in range(workers)]
    for tests in sorted(modules.values(), key=len, reverse=True):
        min(shares, key=len).extend(tests)
    return shares


def _end_of_module(tests: Sequence[Test], position: int, module: Callable[[Test], Hashable]) -> int:
    """The first place from `position` on, at which another module begins."""
    while 0 < position < len(tests) and module(tests[position]) == module(tests[position - 1]):
        position += 1
    return position
