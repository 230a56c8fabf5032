"""CSV as commands print it."""

import csv
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final

_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""Full-width signs too: spreadsheets with a Chinese or Japanese input method read them as the narrow ones."""


def write_csv(target: IO[str], columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows under a heading. A text that a spreadsheet would take for a formula begins with an apostrophe."""
    writer = csv.DictWriter(target, list(columns), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: cell(value) for name, value in row.items()})


def cell(value: object) -> object:
    """A value as it is written."""
    return f"'{value}" if isinstance(value, str) and value[:1] in _FORMULA else value
