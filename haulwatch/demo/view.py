"""The live terminal view of the demo: a pure function of one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from haulwatch.terminal import plain_text

_SEVERITY_STYLE: Final = {"P1": "bold white on red", "P2": "bold red", "P3": "yellow", "P4": "cyan"}
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
    city: str
    timezone: ZoneInfo


def render(now: Snapshot) -> RenderableType:
    """The whole screen."""
    top = Table.grid(expand=True, padding=(0, 1))
    top.add_column(ratio=3)
    top.add_column(ratio=2)
    top.add_row(_totals(now), _processes(now))
    return Group(_header(now), top, _readings(now), _alerts(now))


def _header(now: Snapshot) -> RenderableType:
    device_time = _clock(now.device_time, now.timezone, seconds=True) if now.device_time else "starting …"
    pace = "live" if now.caught_up else "catching up"
    line = Text.assemble(
        ("Haulwatch demo  ", "bold"),
        f"{now.city}   device time {device_time} ({pace})   {now.connected} devices   ",
        (f"{now.elapsed_s:.0f} s" + (f" of {now.seconds:.0f} s" if now.seconds else ""), "dim"),
    )
    api = Text.assemble("API and console ", (now.api_url, "underline cyan"), ("   Ctrl-C ends", "dim"))
    return Panel(Group(line, api), border_style="blue")


def _totals(now: Snapshot) -> RenderableType:
    totals = now.totals
    table = Table(title="Readings 读数", expand=True, show_header=False, title_justify="left", box=None)
    table.add_column()
    table.add_column(justify="right", style="bold")
    table.add_column(style="dim", ratio=1)
    reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(now.quarantined_by_reason.items()))
    table.add_row("published 已发布", f"{totals.published:,}", f"{now.rate_per_s:,.0f}/s")
    table.add_row("stored 已入库", f"{totals.stored:,}", "")
    table.add_row("duplicate 重复", f"{totals.duplicate:,}", "")
    table.add_row("quarantined 隔离", f"{totals.quarantined:,}", reasons)
    table.add_row("queued 待处理", f"{totals.queued:,}", "received, not yet in the store")
    return table


def _processes(now: Snapshot) -> RenderableType:
    table = Table(title="Processes 进程", expand=True, show_header=False, title_justify="left", box=None)
    table.add_column()
    table.add_column()
    table.add_column(justify="right", style="dim")
    for name, state, restarts in now.processes:
        table.add_row(name, Text(state, _STATE_STYLE.get(state, "")), f"restarted {restarts}" if restarts else "")
    return table


def _readings(now: Snapshot) -> RenderableType:
    table = Table(title="Last readings 最新读数", expand=True, title_justify="left", box=None, header_style="dim")
    table.add_column("device time", no_wrap=True)
    table.add_column("device", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("measured", ratio=1, no_wrap=True, overflow="ellipsis")
    for reading in now.readings:
        table.add_row(
            _clock(reading.ts, now.timezone, seconds=True),
            plain_text(reading.device_id),
            reading.kind,
            plain_text(reading.measured),
        )
    return table


def _alerts(now: Snapshot) -> RenderableType:
    table = Table(title="Alerts 告警", expand=True, title_justify="left", box=None, header_style="dim")
    for column in ("", "opened", "rule", "device", "phase"):
        table.add_column(column, no_wrap=True)
    table.add_column("what", ratio=1)
    for alert in now.alerts:
        table.add_row(
            Text(f" {alert.severity} ", _SEVERITY_STYLE.get(alert.severity, "")),
            _clock(alert.opened_at, now.timezone),
            alert.rule,
            plain_text(alert.subject),
            alert.phase,
            plain_text(f"{alert.title_en}\n{alert.title_zh}"),
        )
    if not now.alerts:
        table.add_row("", "", Text("none yet", "dim"), "", "", "")
    return table


def _clock(ts: int, timezone: ZoneInfo, *, seconds: bool = False) -> str:
    return datetime.fromtimestamp(ts / 1000, timezone).strftime("%H:%M:%S" if seconds else "%H:%M")
