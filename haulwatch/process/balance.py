"""Since when the ledger is balanced, or is not."""

from collections.abc import Callable

from ingest.ledger.report import Ledger


class WatchedBalance:
    """Reads the ledger, and notes when its equation began to hold, or ceased to. One thread at a time.

    It sees a change when it reads, and knows nothing of the time before its first reading.
    """

    def __init__(self, read: Callable[[], Ledger], now: Callable[[], int]) -> None:
        """`now`: wall clock, ms."""
        self._read, self._now = read, now
        self._balanced: bool | None = None
        self._since = 0

    def __call__(self) -> Ledger:
        """Raises what `read` raises; nothing has changed then."""
        ledger = self._read()
        if ledger.balanced is not self._balanced:
            self._balanced, self._since = bool(ledger.balanced), self._now()
        return ledger.model_copy(update={"since": self._since})
