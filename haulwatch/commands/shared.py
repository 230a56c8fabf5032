"""What every command does the same way: settings once, errors in one line, tables or JSON."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import wraps
from typing import Annotated, Any, Final, NoReturn, ParamSpec, TypeVar
from zoneinfo import ZoneInfo

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from devices.errors import OperatorError
from haulwatch.terminal import as_said

P = ParamSpec("P")
T = TypeVar("T")

_KEPT_WHOLE: Final = 24
"""Characters: ids, plates and times are shorter, so that they are never broken and can be copied."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

out = Console()
err = Console(stderr=True, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """End with exit code 2 and a message for a person."""
    err.print(f"haulwatch: {message}", style="red", markup=False, highlight=False)
    raise typer.Exit(2)


def plainly(command: Callable[P, T]) -> Callable[P, T]:
    """Turn the errors a person can mend into one message and exit code 2; anything else is a bug and shows itself."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except OSError as exc:
            if exc.filename is None:
                raise
            fail(
                f"{exc.filename}: {exc.strerror}: make it usable for this user, or name another (the data directory "
                "is HAULWATCH_DATA_DIR)"
            )
        except OperatorError as exc:
            fail(str(exc))

    return wrapped


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """A table for people; the columns named in `right` are aligned right. Nothing in a cell is taken for markup.

    Where the terminal is too narrow, the columns of words are wrapped; ids and figures stay whole, and where not even
    they fit, lines run over its edge. Numbers get thousands separators; a number that is an id is given as text.
    """
    cells = [[_shown(value) for value in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    least = 0
    for index, column in enumerate(columns):
        longest = max((cell_len(row[index]) for row in cells), default=0)
        last = index == len(columns) - 1
        least += 1 + max(cell_len(column), min(longest, _KEPT_WHOLE))
        table.add_column(
            column,
            justify="right" if column in right else "left",
            overflow="fold",
            no_wrap=longest <= _KEPT_WHOLE and not last,
        )
    for row in cells:
        table.add_row(*map(as_said, row))
    (out if least <= out.width else Console(width=least)).print(Text(title, "bold"), table)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def when(ts: int | None, zone: ZoneInfo) -> str | None:
    """An instant (ms since 1970 UTC) as people of that zone write it."""
    return None if ts is None else datetime.fromtimestamp(ts / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
