"""The demo's screen: every figure is on it, at any width, and no text of a device works as markup."""

import io
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from rich.cells import cell_len
from rich.console import Console

from haulwatch.demo.view import AlertLine, ReadingLine, Snapshot, Totals, render

NOW = Snapshot(
    elapsed_s=42.0,
    seconds=150.0,
    device_time=1_795_305_263_054,
    caught_up=True,
    connected=59,
    totals=Totals(published=6_600, received=6_601, stored=6_521, duplicate=60, quarantined=19, queued=0),
    rate_per_s=69.4,
    quarantined_by_reason={"broken_json": 2, "future_time": 17},
    processes=[("broker", "running", 0), ("record", "waiting", 3)],
    readings=[ReadingLine(1_795_305_263_054, "truck-001", "position", "lat 35.5")],
    alerts=[AlertLine("bin_overflow", "point-010", "confirmed", "P2", 1_795_305_200_000, "A bin is full", "满溢")],
    api_url="http://127.0.0.1:8080/",
    city="Jincheng 晋城",
    timezone=ZoneInfo("Asia/Shanghai"),
)


def shown(now: Snapshot, width: int = 120) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render(now))
    return console.export_text()


@pytest.mark.parametrize("width", [80, 100, 150])
def test_every_figure_is_on_the_screen(width: int) -> None:
    text = shown(NOW, width)
    for part in (
        "6,600",
        "6,521",
        "broken_json 2",
        "truck-001",
        "point-010",
        "P2",
        "满溢",
        "restarted 3",
        "42 s of 150 s",
    ):
        assert part in text, part
    assert "http://127.0.0.1:8080/" in text
    assert "07:54:23" in text  # device time in the city's zone
    assert max(map(cell_len, text.splitlines())) <= width


def test_a_demo_that_has_just_begun_is_shown_too() -> None:
    text = shown(replace(NOW, device_time=None, totals=Totals(), readings=[], alerts=[], processes=[], seconds=None))
    assert "starting" in text
    assert "none yet" in text


def test_texts_of_devices_are_neither_markup_nor_control() -> None:
    hostile = "[red]evil[/red] [/] \x1b]0;title\x07"
    text = shown(
        replace(
            NOW,
            readings=[ReadingLine(NOW.readings[0].ts, "truck-001", "weighing", hostile)],
            alerts=[replace(NOW.alerts[0], title_en=hostile)],
        )
    )
    assert text.count("[red]evil[/red] [/] \\x1b]0;title\\x07") == 2
    assert "\x1b" not in text


def test_the_sum_is_of_what_was_published() -> None:
    assert NOW.totals.balanced
    assert not replace(NOW.totals, queued=1).balanced
