"""The console's stages as tables for people."""

from haulwatch.commands.shared import print_table
from tests.bench.console.measures import MapRow, QueueRow, Streams


def print_console(
    rows: tuple[MapRow, ...] | None, streams: Streams | None, questions: tuple[QueueRow, ...] | None
) -> None:
    """Those that were measured."""
    if rows:
        _print_map(rows)
    if streams is not None:
        _print_streams(streams)
    if questions:
        _print_queue(questions)


def _print_map(rows: tuple[MapRow, ...]) -> None:
    columns = (
        *("the map", "frame p50 ms", "p99 ms", "longest ms", "heap MB", "browser MB", "browser CPU %"),
        *("API CPU %", "API MB"),
    )
    shown = [
        (
            *(row.phase, row.frame_ms.p50, row.frame_ms.p99, row.longest_ms, row.heap_mb, row.browser_mb),
            *(row.browser_cpu_pct, row.api_cpu_pct, row.api_mb),
        )
        for row in rows
    ]
    print_table(f"{rows[0].trucks:,} trucks, one reading in 5 s each, one desk", columns, shown, right=columns[1:])


def _print_streams(taken: Streams) -> None:
    columns = ("changes", "delay p50 ms", "p99 ms", "API CPU ms/change", "MB before", "MB after", "deaf", "cut off")
    row = (
        *(taken.changes, taken.delay_ms.p50, taken.delay_ms.p99, taken.cpu_ms),
        *(taken.memory_before_mb, taken.memory_mb, taken.deaf, taken.cut_off),
    )
    print_table(f"{taken.streams} live streams", columns, [row], right=columns)


def _print_queue(questions: tuple[QueueRow, ...]) -> None:
    columns = ("question", "pages", "p50 ms", "p99 ms", "longest ms")
    rows = [(row.question, row.pages, row.page_ms.p50, row.page_ms.p99, row.longest_ms) for row in questions]
    print_table("Pages of 100 alerts", columns, rows, right=columns[1:])
