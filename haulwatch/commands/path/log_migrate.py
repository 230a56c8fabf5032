"""`haulwatch log migrate`: the raw log of a city from this disk to Kafka, and back."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated

import typer

from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import JsonFlag, err, exits_on_error, fail, out, print_json
from haulwatch.process import system_clock
from haulwatch.process.process_lock import acquire
from haulwatch.settings.data_files import (
    collector_role,
    judge_state_path,
    raw_log_folder,
    recorder_state_path,
    settings_with_data,
)
from haulwatch.settings.load import Settings
from haulwatch.wiring.log import kafka_connection, keep_ms
from haulwatch.wiring.stores import shared_tables
from ingest.log.kafka.record_format import partition_of_device
from ingest.log.raw_log import RawLog
from ingest.migration.migration import Migration, Outcome, Places
from ingest.migration.plan import LogKind
from ingest.migration.recorder_tables import RecorderTables
from ingest.migration.states import JudgeFile

_ROLES = ("supervisor", "api", "judge", "recorder")


@exits_on_error
def migrate(
    to: Annotated[LogKind, typer.Option(help="Where the raw log is to be.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count; change nothing.")] = False,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Forget a migration that was interrupted while it copied.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Move the raw log to Kafka, or back to this disk, with all records, and recorder and judge where they were.

    Stop all processes first. HAULWATCH_KAFKA_URL is set in both directions; to Kafka, `haulwatch kafka init` has made
    the topic. Interrupted, it goes on when it is run again; no process starts before it is finished. The former log
    stays: remove it when nobody needs it.
    """
    settings = settings_with_data()
    places = _places(settings, to)
    with _all_stopped(settings), ProgressLine(err) as line:
        migration = Migration(places, to, lambda what, done, total: line.show(_shown(what, done, total)))
        if give_up:
            migration.give_up()
            outcome = None
        else:
            outcome = migration.look() if dry_run else migration.run()
    if as_json:
        print_json(_facts(outcome, to, dry_run))
        return
    for text in _told(outcome, to, dry_run):
        out.print(text, markup=False, soft_wrap=True)


def _places(settings: Settings, to: LogKind) -> Places:
    if settings.kafka.url is None:
        fail("HAULWATCH_KAFKA_URL is not set: set it for the migration, in both directions")
    partitions = settings.kafka.partitions
    recorder = RecorderTables(
        recorder_state_path(settings),
        lambda: shared_tables(settings),
        partitions,
        lambda device_id: partition_of_device(device_id, partitions),
        to,
    )
    return Places(
        data_dir=settings.paths.data_dir,
        raw_folder=raw_log_folder(settings),
        connection=kafka_connection(settings),
        states=(recorder, JudgeFile(judge_state_path(settings))),
        open_disk_log=lambda folder: RawLog(folder, settings.limits.raw_log_segment_mib << 20),
        keep_ms=keep_ms(settings),
        replicas=settings.kafka.replicas,
        now=system_clock.now_ms,
    )


@contextmanager
def _all_stopped(settings: Settings) -> Iterator[None]:
    """Hold every role of the data directory. Raises AlreadyRunning with the process that has one."""
    folder = settings.paths.data_dir
    collectors = {path.stem for path in folder.glob(f"{collector_role()}*.lock")} | {collector_role()}
    with ExitStack() as held:
        for role in (*_ROLES, *sorted(collectors)):
            held.enter_context(acquire(folder, role))
        yield


def _shown(what: str, done: int, total: int) -> str:
    return f"{what}: {done:,} of {total:,} records" if what != "moving" else f"moving readers: {done} of {total}"


def _facts(outcome: Outcome | None, to: LogKind, dry_run: bool) -> dict[str, object]:
    if outcome is None:
        return {"given_up": True}
    return {
        "to": to,
        "dry_run": dry_run,
        "records": outcome.records,
        "damaged": outcome.damaged,
        "kept": None if outcome.kept is None else str(outcome.kept),
    }


def _told(outcome: Outcome | None, to: LogKind, dry_run: bool) -> Iterator[str]:
    if outcome is None:
        yield "the migration is given up: the raw log is where it was"
        yield "what the topic holds of it stays there: take another HAULWATCH_KAFKA_PREFIX the next time"
        return
    if dry_run:
        yield f"{outcome.records:,} records would be copied to {to}; nothing was changed"
        return
    yield f"{outcome.records:,} records are on {to}; recorder and judge go on where they were"
    if outcome.damaged:
        yield f"{outcome.damaged:,} damaged records were left out: all readers had passed them"
    if outcome.kept is not None:
        yield f"the former folder is {outcome.kept}: remove it when nobody needs it"
    if to is LogKind.KAFKA:
        yield "start the processes with HAULWATCH_KAFKA_URL"
    else:
        yield "start the processes without HAULWATCH_KAFKA_URL; the topic is not read any more"
