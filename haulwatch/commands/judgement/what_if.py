"""`haulwatch replay --rules FILE`: which alerts another rule set would have raised."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from haulwatch.commands.progress import ProgressLine
from haulwatch.commands.shared import err, fail, local_time, out, print_json, print_table
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_registry, people_zone
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.rules import known_rules
from ingest.judge.what_if import Comparison, Effect, WhatIf, records_of
from ingest.log.raw_log import RawLog
from ingest.log.records import REVISION_TOPICS, LogRecord, RawMessage
from ingest.log.revisions import first_revisions
from rules.rule_sets.choice import RuleSetChoice
from simulators.recordings.reader import Recording, RecordingError

_EVERY: Final = 2_000
"""Records between two looks at the clock."""
_COLOURS: Final = {Effect.GAINED: "yellow", Effect.LOST: "red", Effect.CHANGED: "cyan"}


def what_if(
    settings: Settings,
    other: RuleSetChoice,
    *,
    log: Path | None,
    recording: tuple[Path, ...],
    device: str | None,
    since: int | None,
    until: int | None,
    as_json: bool,
) -> None:
    """Judge twice and print what differs. `since`, `until`: receive time, ms."""
    with open_registry(settings) as registry:
        city = registry.load_city()
    begin, end = since or 0, until or (1 << 62)
    began = time.monotonic()
    comparing = WhatIf(city, known_rules(settings), other, begin, end)
    if recording:
        spans = _judged(comparing, _recorded(recording, device, city.devices.keys()), None)
    else:
        with closing(RawLog(log) if log else open_raw_log(settings)) as raw_log:
            for topic, payload in first_revisions(raw_log, REVISION_TOPICS).items():
                comparing.begin(RawMessage(topic, payload, 0))
            spans = _judged(comparing, records_of(raw_log, begin, end), raw_log.last_offset())
    if not comparing.messages:
        fail("no message was received in that time")
    took_s = time.monotonic() - began
    found = comparing.comparisons()
    if as_json:
        print_json(_as_json(comparing, found))
    else:
        _print(comparing, found, people_zone(settings), spans / 1000 / max(took_s, 0.001))


def _recorded(sources: tuple[Path, ...], device: str | None, registered: Iterable[str]) -> Iterator[LogRecord]:
    """A recording as if each reading had been received when it was measured."""
    try:
        readings = sorted((reading for _, reading in Recording(sources, device_id=device)), key=lambda one: one.ts)
    except RecordingError as exc:
        fail(str(exc))
    known = set(registered)
    if unknown := sorted({reading.device_id for reading in readings} - known):
        fail(f"{', '.join(unknown[:5])}: not registered, so not judged: name a truck of the city with --device")
    for number, reading in enumerate(readings, 1):
        topic = reading_topic(reading.device_id, reading.kind)
        yield LogRecord(number, RawMessage(topic, encode(reading), reading.ts))


def _judged(comparing: WhatIf, records: Iterable[LogRecord], last: int | None) -> int:
    """Let all records be judged, with progress; return how much receive time passed, ms."""
    first_at, newest, shown_at, began = 0, 0, 0.0, time.monotonic()
    with ProgressLine(err) as progress:
        for number, record in enumerate(records, 1):
            comparing.take(record)
            first_at, newest = first_at or record.message.received_at, max(newest, record.message.received_at)
            if number % _EVERY == 0 and (now := time.monotonic()) - shown_at > 0.2:
                shown_at = now
                of = "" if last is None else f", offset {record.offset:,} of {last:,}"
                pace = (newest - first_at) / 1000 / max(now - began, 0.001)
                progress.show(f"{number:,} messages judged twice{of}, {pace:,.0f} times as fast as life")
    return newest - first_at


def _print(comparing: WhatIf, found: list[Comparison], zone: ZoneInfo, pace: float) -> None:
    before, after = comparing.alerts()
    out.print(
        f"{comparing.messages:,} messages, {pace:,.0f} times as fast as life: {before} alerts by the rules that held,"
        f" {after} by the others",
        highlight=False,
    )
    if not found:
        out.print("no alert differs", style="green")
        return
    counts = Counter((one.either.rule, one.effect) for one in found)
    rules = sorted({rule for rule, _ in counts})
    rows = [(rule, *(counts[rule, effect] or None for effect in Effect)) for rule in rules]
    print_table("by rule", ("rule", *Effect), rows, right=tuple(Effect))
    print_table(
        "alerts that differ",
        ("", "rule", "subject", "begun", "severity", "how"),
        [
            (one.effect, one.either.rule, one.either.subject, local_time(one.either.opened_at, zone), _severity(one),
             _how(one, zone))
            for one in found
        ],
    )  # fmt: skip


def _severity(one: Comparison) -> str:
    if one.before and one.after and one.before.severity is not one.after.severity:
        return f"{one.before.severity} → {one.after.severity}"
    return str(one.either.severity)


def _how(one: Comparison, zone: ZoneInfo) -> str:
    if one.before is None or one.after is None:
        return one.either.title.en
    parts = []
    for name, word in (("opened_at", "begun"), ("told_at", "told"), ("closed_at", "ended")):
        if name in one.differs:
            parts.append(f"{word} {_time(getattr(one.before, name), zone)} → {_time(getattr(one.after, name), zone)}")
    if "retracted" in one.differs:
        parts.append("retracted" if one.after.retracted else "not retracted")
    return ", ".join(parts)


def _time(ms: int | None, zone: ZoneInfo) -> str:
    whole = local_time(ms, zone)
    return "open" if whole is None else whole[11:19]


def _as_json(comparing: WhatIf, found: list[Comparison]) -> dict[str, Any]:
    before, after = comparing.alerts()
    return {
        "messages": comparing.messages,
        "alerts_before": before,
        "alerts_after": after,
        "differ": [
            {"effect": one.effect, "differs": one.differs, "before": _outcome(one.before), "after": _outcome(one.after)}
            for one in found
        ],
    }


def _outcome(outcome: Any) -> dict[str, Any] | None:
    return None if outcome is None else asdict(outcome) | {"title": outcome.title.model_dump()}
