"""`haulwatch ledger indicators`: the indicators of the city's programme in a span of days."""

import sys
from typing import Annotated

import typer

from haulwatch.commands.csv_output import write_csv
from haulwatch.commands.programme.rows import COLUMNS, indicator_rows
from haulwatch.commands.programme.spans import FirstDay, LastDay, city_of_span
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, out, print_json, print_table
from haulwatch.process.system_clock import now_ms
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.desk.indicators import asked_of, open_indicators
from rules.indicators.model import Indicator, IndicatorReport


@exits_on_error
def indicators(
    from_: FirstDay,
    to: LastDay,
    as_json: JsonFlag = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, with definitions in both languages.")] = False,
) -> None:
    """Indicators of the programme, with targets, coverage and data quality.

    A value is missing where the data cannot carry it, and the table says why. Baselines and targets come from the file
    of HAULWATCH_PROGRAMME. Late and corrected tickets change the day that they belong to; what changed after a day was
    over stands below the table.
    """
    if as_json and as_csv:
        fail("--csv: leave it out, or --json")
    settings, now = settings_with_data(), now_ms()
    city = city_of_span(settings, from_, to, now)
    with open_indicators(settings) as store:
        report = store.report(asked_of(settings, city, from_, to, now))
    if as_json:
        print_json(report.model_dump(mode="json"))
    elif as_csv:
        write_csv(sys.stdout, COLUMNS, indicator_rows(report))
    else:
        _print_table(report)


def _print_table(report: IndicatorReport) -> None:
    columns = ("indicator", "value", "unit", "baseline", "target", "done", "loads", "weighed", "why there is no value")
    rows = [_row(one) for one in report.indicators]
    over = "" if report.is_over else ", not over yet"
    title = f"indicators {report.first_day} to {report.last_day}{over}"
    print_table(title, columns, rows, right=("value", "baseline", "target", "done", "loads", "weighed"))
    for day in report.late:
        text = f"{day.day}: {day.revisions} late changes, {day.net_kg:+,.0f} kg since the day was over"
        out.print(text, markup=False)


def _row(one: Indicator) -> tuple[object, ...]:
    quality = one.quality
    return (
        f"{one.name.zh} {one.name.en}",
        _figure(one.value),
        f"{one.unit.zh}" if one.unit.zh == one.unit.en else f"{one.unit.zh} {one.unit.en}",
        _figure(one.baseline),
        _figure(one.target),
        None if one.progress_pct is None else f"{one.progress_pct:g} %",
        None if quality is None else quality.loads,
        None if quality is None or quality.weighed_pct is None else f"{quality.weighed_pct:g} %",
        "; ".join(held.text.en for held in one.withheld),
    )


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:,.2f}"
