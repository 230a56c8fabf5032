"""Finds the lines at which a store fails (HTTP 500) while it takes others, so that those behind them do not wait."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from ingest.store import StoreFailing, StoreRejected

_FAILURES_ALONE: Final = 3
"""Single lines at which a store fails that has taken none: it fails at everything, and no line is to blame."""


async def write_each(write: Callable[[Sequence[str]], Awaitable[None]], lines: Sequence[str]) -> None:
    """Call `write` (`LineStore.write_lines`) for halves of `lines`; a line at which it fails alone is rejected too.

    Raises StoreRejected; StoreFailing if it fails at everything, and every other StoreUnavailable.
    """
    halving = _Halving(write, lines)
    await halving.write_range(0, len(lines))
    await halving.try_suspects()
    if halving.rejected:
        raise StoreRejected(sorted(halving.rejected))


class _Halving:
    def __init__(self, write: Callable[[Sequence[str]], Awaitable[None]], lines: Sequence[str]) -> None:
        self._write, self._lines = write, lines
        self._taken: int | None = None
        """A line that the store took."""
        self._suspects: list[int] = []
        self.rejected: list[tuple[int, str]] = []

    async def write_range(self, start: int, end: int) -> None:
        try:
            await self._write(self._lines[start:end])
        except StoreRejected as exc:
            refused = {start + index: reason for index, reason in exc.rejected}
            self.rejected += refused.items()
            self._taken = next((line for line in range(start, end) if line not in refused), self._taken)
        except StoreFailing:
            if end - start > 1:
                middle = (start + end) // 2
                await self.write_range(start, middle)
                await self.write_range(middle, end)
                return
            self._suspects.append(start)
            if self._taken is None and (len(self._suspects) >= _FAILURES_ALONE or end == len(self._lines)):
                raise
        else:
            self._taken = start

    async def try_suspects(self) -> None:
        """Reject the lines at which the store fails once more, right after it took another."""
        for line in self._suspects:
            if self._taken is not None:
                await self._write(self._lines[self._taken : self._taken + 1])  # raises if it takes nothing any more
            try:
                await self._write(self._lines[line : line + 1])
            except StoreRejected as exc:
                self.rejected.append((line, exc.rejected[0][1]))
            except StoreFailing as exc:
                self.rejected.append((line, f"the store fails at this reading, and takes others: {exc}"))
