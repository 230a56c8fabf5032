"""The live terminal view of the demo: a pure function of one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from haulwatch.terminal import plain_text

_SEVERITY_STYLE: Final = {"P1": "bold white on red", "P2": "bold red", "P3": "yellow", "P4": "cyan"}
_TOTALS: Final = {
    "published": "已发布", "stored": "已入库", "duplicate": "重复", "quarantined": "隔离", "queued": "待处理",
}  # fmt: skip
_WIDE: Final = 110
"""Columns from which a title has room beside the facts of its alert."""
_LEAST_READINGS: Final = 3
"""Lines; with fewer, readings are left out."""
_STATE_STYLE: Final = {"running": "green", "waiting": "yellow", "dead": "red", "stopped": "dim"}


@dataclass(frozen=True)
class Totals:
    """Counts of readings: `published` by the simulators, the others by the recorder's ledger."""

    published: int = 0
    received: int = 0
    stored: int = 0
    duplicate: int = 0
    quarantined: int = 0
    queued: int = 0

    @property
    def balanced(self) -> bool:
        return self.published == self.stored + self.duplicate + self.quarantined + self.queued


@dataclass(frozen=True)
class AlertLine:
    """One alert, as the view shows it."""

    rule: str
    subject: str
    phase: str
    severity: str
    opened_at: int
    title_en: str
    title_zh: str


@dataclass(frozen=True)
class ReadingLine:
    """One reading of the raw log, as the view shows it."""

    ts: int
    device_id: str
    kind: str
    measured: str


@dataclass(frozen=True)
class Snapshot:
    """The state of the demo at one moment."""

    elapsed_s: float
    seconds: float | None
    device_time: int | None
    caught_up: bool
    connected: int
    totals: Totals
    rate_per_s: float
    quarantined_by_reason: Mapping[str, int]
    processes: Sequence[tuple[str, str, int]]
    """Name, state, restarts."""
    readings: Sequence[ReadingLine]
    alerts: Sequence[AlertLine]
    api_url: str
    token: str
    """For writing to the API of this demo."""
    city: str
    timezone: ZoneInfo


def render(now: Snapshot, width: int, height: int) -> RenderableType:
    """The whole screen, in at most `height` lines: figures first, then as many alerts as fit, then last readings."""
    head, figures = _header(now), _figures(now)
    room = height - len(head) - 1 - max(len(_TOTALS), len(now.processes))
    alerts = _alerts(now, width, room)
    readings = _readings(now, room - len(alerts))
    return Group(*head, figures, *alerts, *readings)


def alert_lines(alert: AlertLine, opened: str, width: int) -> list[Text]:
    """An alert in lines that are cut, not wrapped: what and where, then its title in both languages."""
    facts = Text(no_wrap=True, overflow="ellipsis")
    facts.append(f" {alert.severity} ", _SEVERITY_STYLE.get(alert.severity, ""))
    facts.append(f"  {opened}  {alert.rule:<16} ")
    facts.append(plain_text(f"{alert.subject:<15}  "))
    facts.append(f"{alert.phase:<11}")
    titles = [_line("      ", plain_text(title)) for title in (alert.title_en, alert.title_zh)]
    if width < _WIDE:
        return [facts, *titles]
    facts.append("  ")
    facts.append(plain_text(alert.title_en))
    return [facts, titles[1]]


def _header(now: Snapshot) -> list[Text]:
    pace = "live" if now.caught_up else "catching up"
    device_time = "starting …"
    if now.device_time:
        device_time = (
            f"{datetime.fromtimestamp(now.device_time / 1000, now.timezone).isoformat(' ', 'seconds')} ({pace})"
        )
    elapsed = f"{now.elapsed_s:.0f} s" + (f" of {now.seconds:.0f} s" if now.seconds else "")
    return [
        _line(
            ("Haulwatch demo", "bold"),
            f"  {now.city}   {now.connected} devices   ",
            (f"{elapsed}   Ctrl-C ends", "dim"),
        ),
        _line(f"device time {device_time}"),
        _line((now.api_url, "underline cyan"), f"  write token {now.token}"),
    ]


def _figures(now: Snapshot) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(ratio=5)
    grid.add_column(ratio=3)
    grid.add_row(_totals(now), _processes(now))
    return grid


def _totals(now: Snapshot) -> RenderableType:
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(now.quarantined_by_reason.items()))
    more = {"published": f"{now.rate_per_s:,.0f}/s", "quarantined": reasons, "queued": "not yet in the store"}
    table = _plain_table("Readings 读数")
    table.add_column(no_wrap=True)
    table.add_column(justify="right", style="bold", no_wrap=True)
    table.add_column(style="dim", ratio=1, no_wrap=True, overflow="ellipsis")
    for name, chinese in _TOTALS.items():
        table.add_row(f"{name} {chinese}", f"{getattr(now.totals, name):,}", more.get(name, ""))
    return table


def _processes(now: Snapshot) -> RenderableType:
    table = _plain_table("Processes 进程")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True, ratio=1)
    for name, state, restarts in now.processes:
        table.add_row(name, Text(state, _STATE_STYLE.get(state, "")), f"restarted {restarts}" if restarts else "")
    return table


def _plain_table(title: str) -> Table:
    return Table(title=title, expand=True, show_header=False, title_justify="left", box=None, padding=(0, 1, 0, 0))


def _alerts(now: Snapshot, width: int, room: int) -> list[Text]:
    each = 3 if width < _WIDE else 2
    shown = now.alerts[: max(0, (room - 1) // each)]
    count = f" {len(shown)} of {len(now.alerts)}" if len(shown) < len(now.alerts) else ""
    lines = [_line(("Alerts 告警", "italic"), (count, "dim"))]
    for alert in shown:
        lines += alert_lines(alert, _clock(alert.opened_at, now.timezone), width)
    if not now.alerts:
        lines.append(_line((" none yet", "dim")))
    return lines[: max(0, room)]


def _readings(now: Snapshot, room: int) -> list[Text]:
    if room < _LEAST_READINGS or not now.readings:
        return []
    lines = [_line(("Last readings 最新读数", "italic"))]
    for reading in now.readings[: room - 1]:
        at = _clock(reading.ts, now.timezone, seconds=True)
        lines.append(_line(f" {at}  ", plain_text(f"{reading.device_id:<15}  {reading.kind:<10}  {reading.measured}")))
    return lines


def _line(*parts: str | Text | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _clock(ts: int, timezone: ZoneInfo, *, seconds: bool = False) -> str:
    return datetime.fromtimestamp(ts / 1000, timezone).strftime("%H:%M:%S" if seconds else "%H:%M")
