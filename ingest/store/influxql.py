"""InfluxQL: builds statements with safe quoting, and reads answers into rows.

Uses only what InfluxDB 1.x, 2.x (`/query`) and 3 share: one statement a request (3 takes no more), OR between tags but
never on time, no SELECT INTO, no cardinality. Device time is in milliseconds both ways (`epoch=ms`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from devices.readings.series import FLOAT_FIELDS, PART_TAG, FieldValue
from ingest.store import Bounds

_IN_LITERAL = str.maketrans({"\\": r"\\", "'": r"\'", "\n": r"\n"})
_IN_NAME = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Series(NamedTuple):
    """One series of an answer: the tags it is grouped by, and its rows of (ms, fields that are present)."""

    device_id: str
    part: str
    rows: list[tuple[int, dict[str, FieldValue]]]


def literal(text: str) -> str:
    return f"'{text.translate(_IN_LITERAL)}'"


def name(text: str) -> str:
    return f'"{text.translate(_IN_NAME)}"'


def select(  # noqa: PLR0913 - the clauses of one statement
    what: str,
    kind: str,
    *,
    devices: Iterable[str],
    part: str | None = None,
    start: int | None = None,
    end: int | None = None,
    located: bool = False,
    box: Bounds | None = None,
    every_ms: int | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> str:
    """Statement for rows of devices with start <= time < end; its answer has one series for each device and part.

    `located`: only positions with a fix; `box`: only those in it.
    """
    where = ["(" + " OR ".join(f'"device" = {literal(device)}' for device in devices) + ")"]
    groups = [name("device")]
    if kind in PART_TAG:
        groups.append(name(PART_TAG[kind]))
        if part is not None:
            where.append(f"{name(PART_TAG[kind])} = {literal(part)}")
    if start is not None:
        where.append(f"time >= {start}ms")
    if end is not None:
        where.append(f"time < {end}ms")
    if located:
        where.append(f"{name('located')} = true")
    if box is not None:
        # As decimals: an exponent is no number of InfluxQL.
        where.append(f"{name('lat')} >= {box.south:.7f} AND {name('lat')} <= {box.north:.7f}")
        where.append(f"{name('lon')} >= {box.west:.7f} AND {name('lon')} <= {box.east:.7f}")
    if every_ms is not None:
        groups.append(f"time({every_ms}ms)")
    return (
        f"SELECT {what} FROM {name(kind)} WHERE {' AND '.join(where)} GROUP BY {', '.join(groups)}"  # noqa: S608 - quoted
        + (" fill(none)" if every_ms is not None else "")
        + (" ORDER BY time DESC" if newest_first else "")
        + (f" LIMIT {limit}" if limit is not None else "")
    )


def count_all(kind: str) -> str:
    """Statement that counts the rows of each field."""
    return f"SELECT count(*) FROM {name(kind)}"  # noqa: S608 - quoted


def read_series(result: Mapping[str, Any], kind: str, prefix: str = "") -> Iterator[Series]:
    """Read the answer to one statement. `prefix` stands before each field's name in the answer, such as `mean_`."""
    floats = FLOAT_FIELDS.get(kind, frozenset())
    for series in result.get("series", ()):
        tags = series.get("tags", {})
        columns = [column.removeprefix(prefix) for column in series["columns"][1:]]
        as_float = [bool(prefix) or column in floats for column in columns]
        rows = [
            (
                row[0],
                {
                    column: float(value) if is_float else value
                    for column, is_float, value in zip(columns, as_float, row[1:], strict=True)
                    if value is not None
                },
            )
            for row in series["values"]
        ]
        yield Series(tags.get("device", ""), tags.get(PART_TAG.get(kind, ""), ""), rows)
