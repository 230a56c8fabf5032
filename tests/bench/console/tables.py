"""The console's stages as tables for people."""

from haulwatch.commands.shared import print_table
from tests.bench.console.measures import MapRow, QueueRow, Streams


def print_console(
    rows: tuple[MapRow, ...] | None, streams: tuple[Streams, ...] | None, questions: tuple[QueueRow, ...] | None
) -> None:
    """Those that were measured."""
    if rows:
        _print_map(rows)
    if streams:
        _print_streams(streams)
    if questions:
        _print_queue(questions)


def _print_map(rows: tuple[MapRow, ...]) -> None:
    columns = (
        *("the map", "frame p50 ms", "p99 ms", "longest ms", "work p50 ms", "p99 ms", "longest task ms", "drawing ms"),
        *("heap MB", "browser MB", "browser CPU %", "API CPU %", "API MB"),
    )
    shown = [
        (
            *(row.phase, row.frame_ms.p50, row.frame_ms.p99, row.longest_ms, row.work_ms.p50, row.work_ms.p99),
            *(row.longest_task_ms, row.drawing_ms, row.heap_mb, row.browser_mb, row.browser_cpu_pct),
            *(row.api_cpu_pct, row.api_mb),
        )
        for row in rows
    ]
    print_table(f"{rows[0].trucks:,} trucks, one reading in 5 s each, one desk", columns, shown, right=columns[1:])


def _print_streams(rows: tuple[Streams, ...]) -> None:
    columns = (
        "people",
        "changes",
        "delay p50 ms",
        "p99 ms",
        "API CPU ms/change",
        "MB before",
        "MB after",
        "deaf",
        "cut off",
    )
    shown = [
        (
            *("signed in" if taken.signed_in else "no accounts", taken.changes, taken.delay_ms.p50, taken.delay_ms.p99),
            *(taken.cpu_ms, taken.memory_before_mb, taken.memory_mb, taken.deaf, taken.cut_off),
        )
        for taken in rows
    ]
    print_table(f"{rows[0].streams} live streams", columns, shown, right=columns[1:])


def _print_queue(questions: tuple[QueueRow, ...]) -> None:
    columns = ("question", "pages", "p50 ms", "p99 ms", "longest ms")
    rows = [(row.question, row.pages, row.page_ms.p50, row.page_ms.p99, row.longest_ms) for row in questions]
    print_table("Pages of 100 alerts", columns, rows, right=columns[1:])
