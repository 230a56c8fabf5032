"""`haulwatch store`: write again what the time-series store lost."""

import asyncio

import typer

from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, print_json, print_table
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.refill import refill_store

app = typer.Typer(no_args_is_help=True, help="The time-series store: InfluxDB, or the embedded one.")


@app.command()
@exits_on_error
def refill(as_json: JsonFlag = False) -> None:
    """Write readings and alerts to the store again, after its bucket was lost and made anew, or restored from a backup.

    Readings come from the raw log, as far as it is kept (HAULWATCH_RAW_LOG_KEEP_DAYS), each admitted by the revision of
    the city before it in the log; alerts come from the journal. What the store still has is not written twice: the
    command can be ended and run again, and the other processes may run. It changes no ledger, no dead letter and no
    alert. Past states of ingestion (queues, delays) are kept nowhere else and stay lost.
    """
    settings = settings_with_data()
    with ProgressLine(err) as line:
        found = asyncio.run(refill_store(settings, lambda taken, of: line.show(f"{taken:,} of {of:,} records")))
    facts = {
        "records": found.records,
        "readings_written": found.readings.written,
        "readings_present": found.readings.present,
        "readings_refused": found.readings.refused,
        "alert_changes_written": found.alert_changes,
    }
    if as_json:
        print_json(facts)
        return
    labels = (
        "records of the raw log",
        "readings written",
        "present already, or sent twice",
        "refused before (dead letters)",
        "alert changes written",
    )
    rows = list(zip(labels, facts.values(), strict=True))
    print_table("store refill", ("what", "count"), rows, right=("count",))
