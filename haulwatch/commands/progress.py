"""One line that tells how far a long command is: drawn over on a terminal, printed now and then elsewhere."""

import time
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from haulwatch.terminal import plain_text

PRINT_EVERY_S: Final = 10.0


class ProgressLine:
    """Shows the newest line. On a terminal it stays in place; in a file or pipe a line appears every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(Text(""), console=console, auto_refresh=False) if console.is_terminal else None
        self._print_at = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, line: str) -> None:
        if self._live is not None:
            text = plain_text(line)
            text.no_wrap, text.overflow = True, "ellipsis"
            self._live.update(text, refresh=True)
        elif time.monotonic() >= self._print_at:
            self._print_at = time.monotonic() + PRINT_EVERY_S
            self._console.print(plain_text(line), highlight=False)
