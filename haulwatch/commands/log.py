"""`haulwatch log`: the raw log, which is the evidence: how full, is it whole, and a copy to hand over."""

import base64
import json
import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from rich.progress import Progress

from haulwatch import wiring
from haulwatch.commands.shared import JsonFlag, err, fail, out, plainly, print_json, print_table, when
from haulwatch.settings.load import load_settings
from ingest.log.raw_log import RawLog, RawLogCorrupt
from ingest.log.records import LogRecord

app = typer.Typer(no_args_is_help=True, help="The raw log: every message as the broker delivered it.")

_PAGE: Final = 5_000


@app.command()
@plainly
def stat(as_json: JsonFlag = False) -> None:
    """Say how much the raw log holds, of what time, and how far each consumer has read."""
    settings = load_settings()
    with closing(wiring.raw_log(settings)) as log:
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
    zone = ZoneInfo(settings.city.timezone)
    rows = [
        (
            "messages",
            f"{found.last_offset - found.first_offset + 1:,} (offsets {found.first_offset} to {found.last_offset})",
        ),
        ("received", f"{when(oldest, zone)} to {when(newest, zone)}" if oldest and newest else "nothing yet"),
        ("on disk", f"{found.size_bytes / (1 << 20):,.1f} MiB in {found.segments} segments"),
        *((f"{name} has still to read", unread) for name, unread in facts["unread"].items()),
        *(
            (f"removed before {name} had read it", f"{count:,}, last {when(found.removed.at, zone)}")
            for name, count in found.removed.unread.items()
            if count
        ),
    ]
    print_table("raw log", ("what", ""), rows)


@app.command()
@plainly
def verify(as_json: JsonFlag = False) -> None:
    """Read every record and check it against its checksum, and offsets for gaps.

    Exit code 0: whole. 1: damaged records or gaps; the others are readable all the same.
    """
    damaged: list[str] = []
    missing = sound = 0
    with closing(wiring.raw_log(load_settings())) as log, Progress(console=err, transient=True) as progress:
        after, last = log.first_offset() - 1, log.last_offset()
        task = progress.add_task("checking", total=last - after)
        while after < last:
            try:
                records = log.read(after, _PAGE)
            except RawLogCorrupt as exc:
                damaged.append(str(exc))
                after = exc.offset
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
        out.print(f"{sound:,} records are sound, {len(damaged):,} damaged, {missing:,} missing")
        for line in damaged:
            out.print(line, style="red", markup=False, soft_wrap=True)
    if not whole:
        raise typer.Exit(1)


@app.command()
@plainly
def export(
    to: Annotated[Path | None, typer.Option(help="File to write; standard output by default.")] = None,
    topic: Annotated[
        str | None, typer.Option(help="Only messages whose topic contains this, as `/truck-017/`.")
    ] = None,
    first: Annotated[int, typer.Option(min=1, help="From this offset on.")] = 1,
    last: Annotated[int | None, typer.Option(help="Up to this offset; to the end by default.")] = None,
) -> None:
    """Write messages as NDJSON: offset, received_at (ms), topic, and payload as text, or else payload_base64."""
    if to is not None and to.exists():
        fail(f"{to} exists already: name a new file")
    written = 0
    with (
        closing(wiring.raw_log(load_settings())) as log,
        to.open("w", encoding="utf-8") if to else nullcontext(sys.stdout) as target,
    ):
        for record in _records(log, first, last):
            if topic is None or topic in record.message.topic:
                target.write(_line(record))
                written += 1
    err.print(f"{written:,} messages written")


def _records(log: RawLog, first: int, last: int | None) -> Iterator[LogRecord]:
    """Damaged records are left out and named on standard error."""
    after = max(first, log.first_offset()) - 1
    while last is None or after < last:
        try:
            page = log.read(after, _PAGE if last is None else min(_PAGE, last - after))
        except RawLogCorrupt as exc:
            err.print(f"left out: {exc}", style="yellow", markup=False)
            after = exc.offset
            continue
        if not page:
            return
        yield from page
        after = page[-1].offset


def _line(record: LogRecord) -> str:
    message = record.message
    said: dict[str, object] = {"offset": record.offset, "received_at": message.received_at, "topic": message.topic}
    try:
        said["payload"] = message.payload.decode()
    except UnicodeDecodeError:
        said["payload_base64"] = base64.b64encode(message.payload).decode("ascii")
    return json.dumps(said, ensure_ascii=False) + "\n"


def _received(log: RawLog, offset: int) -> int | None:
    try:
        records = log.read(offset - 1, 1)
    except RawLogCorrupt:
        return None
    return records[0].message.received_at if records else None
