"""`haulwatch ledger report`: the quarterly report, as PDF or CSV."""

from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from haulwatch.commands.csv_output import write_csv
from haulwatch.commands.programme.rows import COLUMNS, indicator_rows
from haulwatch.commands.programme.spans import city_of_span, quarter
from haulwatch.commands.shared import exits_on_error, fail, out
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.desk.indicators import asked_of, drawn, open_indicators
from rules.indicators.model import IndicatorReport


@exits_on_error
def quarterly(
    of: Annotated[str, typer.Option("--quarter", metavar="2026Q3", help="Quarter of the calendar.")],
    to: Annotated[Path, typer.Option("--out", dir_okay=False, help="File to write: .pdf or .csv.")],
    language: Annotated[str, typer.Option(help="Of the PDF: zh or en. CSV has both.")] = "zh",
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Write the quarterly report: indicators with baseline, target, definition, scope and the quality of their data.

    The same data gives the same bytes, so two copies can be compared. A quarter that is not over says so.
    """
    kind = to.suffix.lower()
    if kind not in {".pdf", ".csv"}:
        fail("--out: name a file that ends in .pdf or .csv")
    if language not in {"zh", "en"}:
        fail("--language: give zh or en")
    if to.exists() and not force:
        fail(f"--out: {to} is there: name another file, or give --force")
    first, last = quarter(of)
    settings, now = settings_with_data(), now_ms()
    city = city_of_span(settings, first, last, now)
    with open_indicators(settings) as store:
        found = store.report(asked_of(settings, city, first, last, now))
    if kind == ".csv":
        content = _csv(found)
    else:
        content = drawn(found, f"{first.year}Q{(first.month + 2) // 3}", language, settings)
    to.write_bytes(content)
    out.print(f"{to}: {len(content):,} bytes{'' if found.is_over else '; the quarter is not over'}", markup=False)


def _csv(found: IndicatorReport) -> bytes:
    """UTF-8 with a mark, without which spreadsheets read Chinese as something else."""
    text = StringIO()
    write_csv(text, COLUMNS, indicator_rows(found))
    return text.getvalue().encode("utf-8-sig")
