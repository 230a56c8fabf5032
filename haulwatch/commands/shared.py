"""Parts that every command shares: errors in one line, tables or JSON, times as people write them."""

import json
import os
import pwd
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from devices.readings.instants import parse_instant
from devices.readings.text import MAX_SHORT_CHARS, unseen_character
from haulwatch.terminal import plain_text

P = ParamSpec("P")
T = TypeVar("T")

_HOST_AND_PORT: Final = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>[0-9]{1,5})")
_UNBROKEN_CHARS: Final = 25
"""Ids, plates and times are shorter, so they stay in one line and can be copied."""
_GAP_CHARS: Final = 2
"""Between two columns."""

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
By = Annotated[str | None, typer.Option(help="Who; default: the user of this machine.")]

out = Console()
err = Console(stderr=True, soft_wrap=True)


def fail(message: str) -> NoReturn:
    """Print a message for a person and end with exit code 2."""
    err.print(plain_text(f"haulwatch: {message}"), style="red", highlight=False)
    raise typer.Exit(2)


def host_and_port(option: str, text: str) -> tuple[str, int]:
    """Host and port of HOST:PORT or [IPv6]:PORT, as an option has it. Ends with a message if it is none."""
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None or not 0 < int(found["port"]) < 65_536:
        fail(f"{option} {text!r}: give HOST:PORT, such as 127.0.0.1:7611")
    return found["six"] or found["host"], int(found["port"])


def exits_on_error(command: Callable[P, T]) -> Callable[P, T]:
    """Turn an error that a person can fix into one message and exit code 2. Any other is a bug: its traceback shows."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return command(*args, **kwargs)
        except OSError as exc:
            if exc.filename is None:
                raise
            fail(
                f"{exc.filename}: {exc.strerror}: give this user access to it, or name another path (the data "
                "directory is HAULWATCH_DATA_DIR)"
            )
        except OperatorError as exc:
            fail(str(exc))
        except ExceptionGroup as group:  # of the tasks of one TaskGroup
            errors = list(_leaves(group))
            if not all(isinstance(error, OperatorError) for error in errors):
                raise
            fail("\n".join(map(str, errors)))

    return wrapped


def _leaves(group: ExceptionGroup[Exception]) -> Iterator[Exception]:
    for exc in group.exceptions:
        if isinstance(exc, ExceptionGroup):
            yield from _leaves(exc)
        else:
            yield exc


def cannot_listen(host: str, port: int, exc: OSError, remedy: str) -> str:
    """What a person reads where a port cannot be had. `remedy`: what to do, after a colon."""
    cause = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)  # below 0: a name without address
    return f"cannot listen on {host}:{port}: {cause}: {remedy}"


def acting_name(by: str | None) -> str:
    """The name that stands beside an action: that of `--by`, else the user of this machine. Ends with a message if it
    is no name.
    """
    name = machine_user() if by is None else by.strip()
    if not 0 < len(name) <= MAX_SHORT_CHARS or unseen_character(name):
        fail(f"--by: give 1 to {MAX_SHORT_CHARS} visible characters")
    return name


def machine_user() -> str:
    """The user of this process; `uid 10001` for one without a name, as containers have.

    By the kernel's number and not by LOGNAME or USER, which anybody can set, and which `getpass.getuser` believes.
    """
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name[:MAX_SHORT_CHARS]
    except KeyError:
        return f"uid {uid}"


def instant(text: str) -> int:
    """Parse an option's value: ms since 1970 UTC from RFC 3339, or from themselves."""
    try:
        return parse_instant(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Print a table for people; the columns named in `right` are aligned right. Cells hold no markup.

    On a narrow terminal, columns of words are wrapped; ids and figures stay in one line, and where not even they fit,
    lines run over the edge. Numbers get thousands separators; a number that is an id is passed as text.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    min_width = -_GAP_CHARS
    for index, column in enumerate(columns):
        longest = max((cell_len(row[index]) for row in cells), default=0)
        no_wrap = longest <= _UNBROKEN_CHARS and index < len(columns) - 1
        header = cell_len(column) if no_wrap else max(map(cell_len, column.split()), default=0)
        min_width += _GAP_CHARS + max(header, min(longest, _UNBROKEN_CHARS))
        table.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=no_wrap)
    for row in cells:
        table.add_row(*map(plain_text, row))
    (out if min_width <= out.width else Console(width=min_width)).print(Text(title, "bold"), table)


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case _:
            return str(value)


def local_time(ts: int | None, zone: ZoneInfo) -> str | None:
    """Write an instant (ms since 1970 UTC) as people of that zone do, with its offset from UTC; None for None."""
    return None if ts is None else datetime.fromtimestamp(ts / 1000, zone).isoformat(" ", "seconds")


def local_minute(ts: int | None, zone: ZoneInfo) -> str | None:
    """The same in 19 characters, for tables with many columns: 2026-03-01 16:00+08."""
    if ts is None:
        return None
    return datetime.fromtimestamp(ts / 1000, zone).strftime("%Y-%m-%d %H:%M%z").removesuffix("00")
