"""`haulwatch log`: the size of the raw log, a check of its records, a copy to hand over as evidence, and its move."""

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress

from devices.codecs.native import NATIVE
from haulwatch.commands.path.log_migrate import migrate
from haulwatch.commands.shared import (
    JsonFlag,
    err,
    exits_on_error,
    fail,
    local_time,
    out,
    print_json,
    print_table,
)
from haulwatch.settings.data_files import settings_with_data
from haulwatch.wiring.databases import people_zone
from haulwatch.wiring.log import open_local_log
from ingest.log.raw_log import RawLog, RawLogCorrupt
from ingest.log.records import LogRecord

app = typer.Typer(no_args_is_help=True, help="The raw log: every message as the broker delivered it.")

app.command()(migrate)

_PAGE: Final = 5_000


@app.command()
@exits_on_error
def stat(as_json: JsonFlag = False) -> None:
    """Show the size of the raw log, its period, and how many messages each consumer has still to read."""
    settings = settings_with_data()
    with closing(open_local_log(settings, "`haulwatch log stat`; see `haulwatch kafka status`: it")) as log:
        found = log.stat()
        oldest, newest = _received(log, found.first_offset), _received(log, found.last_offset)
    facts: dict[str, Any] = {
        "first_offset": found.first_offset,
        "last_offset": found.last_offset,
        "segments": found.segments,
        "size_bytes": found.size_bytes,
        "oldest_received_at": oldest,
        "newest_received_at": newest,
        "removed_unread": dict(found.removed.unread),
        "unread": {name: found.last_offset - offset for name, offset in found.committed.items()},
    }
    if as_json:
        print_json(facts)
        return
    zone = people_zone(settings)
    count = found.last_offset - found.first_offset + 1
    rows = [
        (
            "messages",
            f"{count:,} (offsets {found.first_offset} to {found.last_offset})" if count else "none",
        ),
        (
            "received",
            f"{local_time(oldest, zone)} to {local_time(newest, zone)}" if oldest and newest else "none yet",
        ),
        ("on disk", f"{found.size_bytes / (1 << 20):,.1f} MiB in {found.segments} segments"),
        *((f"unread by {name}", unread) for name, unread in facts["unread"].items()),
        *(
            (f"removed before {name} read it", f"{lost:,}, last {local_time(found.removed.at, zone)}")
            for name, lost in found.removed.unread.items()
            if lost
        ),
    ]
    print_table("raw log", ("what", ""), rows)


@app.command()
@exits_on_error
def verify(as_json: JsonFlag = False) -> None:
    """Check every record against its checksum, and the offsets for gaps.

    Exit code 0: complete. 1: damaged records or gaps; the other records stay readable.
    """
    damaged: list[str] = []
    missing = sound = 0
    with (
        closing(open_local_log(settings_with_data(), "`haulwatch log verify`")) as log,
        Progress(console=err, transient=True) as progress,
    ):
        after, last = log.first_offset() - 1, log.last_offset()
        task = progress.add_task("checking", total=last - after)
        while after < last:
            try:
                records = log.read(after, _PAGE)
            except RawLogCorrupt as exc:
                damaged.append(str(exc))
                after = exc.through
                continue
            if not records:
                missing += last - after
                break
            missing += records[-1].offset - after - len(records)
            sound += len(records)
            after = records[-1].offset
            progress.update(task, completed=sound)
    whole = not damaged and not missing
    if as_json:
        print_json({"sound": sound, "damaged": damaged, "missing": missing, "whole": whole})
    else:
        out.print(f"{sound:,} records are correct, {len(damaged):,} damaged, {missing:,} missing")
        for line in damaged:
            out.print(line, style="red", markup=False, soft_wrap=True)
    if not whole:
        raise typer.Exit(1)


@app.command()
@exits_on_error
def export(
    to: Annotated[Path | None, typer.Option(help="File to write; default: standard output.")] = None,
    topic: Annotated[
        str | None, typer.Option(help="Only messages whose topic contains this text, such as `/truck-017/`.")
    ] = None,
    first: Annotated[int, typer.Option(min=1, help="First offset.")] = 1,
    last: Annotated[int | None, typer.Option(help="Last offset; default: the newest.")] = None,
) -> None:
    """Write messages as NDJSON: offset, received_at (ms), topic, and payload (payload_base64 if not UTF-8).

    `dialect` names the codec of messages that are not in the native dialect.

    Exit code 0: all were written. 1: damaged records were left out; standard error names them.
    """
    if to is not None and to.exists():
        fail(f"{to} exists already: give a new file")
    written, damaged = 0, list[RawLogCorrupt]()
    with (
        closing(open_local_log(settings_with_data(), "`haulwatch log export`")) as log,
        to.open("w", encoding="utf-8") if to else nullcontext(sys.stdout) as target,
    ):
        for record in _records(log, first, last, damaged):
            if topic is None or topic in record.message.topic:
                target.write(_line(record))
                written += 1
    err.print(f"{written:,} messages written")
    if damaged:
        raise typer.Exit(1)


def _records(log: RawLog, first: int, last: int | None, damaged: list[RawLogCorrupt]) -> Iterator[LogRecord]:
    """The records of the range; damaged ones are skipped, named on standard error and added to `damaged`."""
    after = max(first, log.first_offset()) - 1
    while last is None or after < last:
        try:
            page = log.read(after, _PAGE if last is None else min(_PAGE, last - after))
        except RawLogCorrupt as exc:
            err.print(f"skipped: {exc}", style="yellow", markup=False)
            damaged.append(exc)
            after = exc.through
            continue
        if not page:
            return
        yield from page
        after = page[-1].offset


def _line(record: LogRecord) -> str:
    message = record.message
    line: dict[str, object] = {"offset": record.offset, "received_at": message.received_at, "topic": message.topic}
    if message.dialect != NATIVE.dialect:  # a line without it is native, as in files of earlier versions
        line["dialect"] = message.dialect
    try:
        line["payload"] = message.payload.decode()
    except UnicodeDecodeError:
        line["payload_base64"] = base64.b64encode(message.payload).decode("ascii")
    return json.dumps(line, ensure_ascii=False) + "\n"


def _received(log: RawLog, offset: int) -> int | None:
    try:
        records = log.read(offset - 1, 1)
    except RawLogCorrupt:
        return None
    return records[0].message.received_at if records else None
