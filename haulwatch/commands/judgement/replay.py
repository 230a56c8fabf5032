"""`haulwatch replay`: the alerts of the raw log, judged again and compared with the journal."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Final

import typer

from haulwatch.commands.judgement.what_if import what_if
from haulwatch.commands.shared import JsonFlag, exits_on_error, fail, instant, local_time, print_json, print_table
from haulwatch.settings.data_files import settings_with_data
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_journal, open_registry, people_zone
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import checked_file, known_rules
from ingest.judge.rejudge import fleet_times, rejudge
from ingest.judge.replay import alert_steps, every_record, shuffled
from ingest.log.raw_log import RawLog

_WHAT_IF: Final = "What if"
_INSTANT: Final = "Receive time, RFC 3339 or ms since 1970 UTC"


@exits_on_error
def replay(
    log: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of a raw log; default: the one in the data directory."),
    ] = None,
    shuffle: Annotated[
        int | None,
        typer.Option(
            metavar="SEED", help="First delay some messages within the reorder window, as a slow network does."
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            metavar="FILE",
            help="Another rule set: which alerts it would have raised.",
            rich_help_panel=_WHAT_IF,
        ),
    ] = None,
    since: Annotated[
        int | None,
        typer.Option(
            "--from", parser=instant, metavar="T", help=f"{_INSTANT}; default: the start.", rich_help_panel=_WHAT_IF
        ),
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(
            "--to", parser=instant, metavar="T", help=f"{_INSTANT}; default: the end.", rich_help_panel=_WHAT_IF
        ),
    ] = None,
    recording: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            metavar="PATH",
            help="Judge a recording (as `simulate --from` reads it), not the raw log.",
            rich_help_panel=_WHAT_IF,
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="ID", help="Device of the recording.", rich_help_panel=_WHAT_IF)
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Judge the raw log again from its start, and compare with the alert journal: alerts, phases and times.

    Each message is judged by the revision of city and rules before it in the log. What lies before the first revision
    of a log of an earlier version is judged by the city and the rules of now, and may differ. With --shuffle, messages
    are delayed, over ticks too, only as far as the engine promises the same alerts: a difference is a fault.

    With --rules: judge it by another rule set too, and list the alerts that people would have been spared (lost), would
    have had more (gained), or otherwise (changed), before anyone applies it. A day before --from is judged as well, so
    that what was known then is known.

    Exit code 0: identical, or with --rules: judged. 1: different.
    """
    settings = settings_with_data() if log is None else load_settings()
    if rules is not None:
        other = checked_file(rules)
        what_if(
            settings,
            other,
            log=log,
            recording=tuple(recording or ()),
            device=device,
            since=since,
            until=until,
            as_json=as_json,
        )
        return
    if since is not None or until is not None or recording or device:
        fail("--from, --to, --recording and --device need --rules FILE")
    with open_registry(settings) as registry:
        city = registry.load_city()
    held, moved = known_rules(settings), 0
    with closing(RawLog(log) if log else open_raw_log(settings)) as raw_log:
        records = every_record(raw_log)
    if log and not records:
        fail(f"--log {log}: no message is there: give the folder `raw` of a data directory")
    if shuffle is not None:
        in_order = records
        records = shuffled(records, fleet_times(records, city, held), shuffle)
        moved = sum(record is not before for record, before in zip(records, in_order, strict=True))
    replayed = alert_steps(rejudge(records, city, held))
    with closing(open_journal(settings)) as journal:
        recorded = alert_steps(entry.change for entry in journal.changes_after(0, journal.last_sequence() + 1))
    identical = recorded == replayed
    only_journal, only_replay = sorted(recorded - replayed), sorted(replayed - recorded)
    result: dict[str, int] = {"messages": len(records)} | ({} if shuffle is None else {"moved": moved})
    result |= {"journal": len(recorded), "replay": len(replayed), "identical": identical}
    if as_json:
        print_json(result | {"only_in_journal": only_journal, "only_in_replay": only_replay})
    else:
        zone = people_zone(settings)
        rows: list[tuple[str, object]] = [*result.items()]
        for label, steps in (("only in the journal", only_journal), ("only in the replay", only_replay)):
            rows += [(label, f"{step.alert_id}  {step.phase}  {local_time(step.at, zone)}") for step in steps]
        print_table("replay", ("what", ""), rows)
    if not identical:
        raise typer.Exit(1)
