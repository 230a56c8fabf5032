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
    token="a-token-of-the-demo-32-characters",
    city="Jincheng 晋城",
    timezone=ZoneInfo("Asia/Shanghai"),
)


def shown(now: Snapshot, width: int = 120, height: int = 40) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(render(now, width, height))
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


ALERT = AlertLine(
    "illegal_dumping", "recycling-point", "provisional", "P1", NOW.alerts[0].opened_at, "Truck " * 40, "车辆" * 60
)
PROCESSES = [(name, "running", 0) for name in ("broker", "collect", "record", "judge", "serve", "simulate")]
REASONS = dict.fromkeys(
    ("broken_json", "foreign_device", "future_time", "missing_field", "out_of_bounds", "too_large"), 12
)
FULL = replace(
    NOW, processes=PROCESSES, readings=[*NOW.readings] * 10, alerts=[ALERT] * 8, quarantined_by_reason=REASONS
)


@pytest.mark.parametrize(
    ("width", "height"), [(80, 24), (80, 30), (100, 24), (120, 24), (140, 40), (200, 60), (60, 20)]
)
def test_the_screen_is_never_larger_than_the_terminal_and_shows_alerts_first(width: int, height: int) -> None:
    lines = shown(FULL, width, height).splitlines()
    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    assert sum("illegal_dumping" in line for line in lines) >= min(8, (height - 11) // 3)
    assert "of 150 s" in lines[0]


def test_on_80_by_24_four_alerts_stand_in_both_languages() -> None:
    text = shown(replace(FULL, alerts=[replace(ALERT, subject=f"truck-{n}") for n in range(8)]), 80, 24)
    assert all(f"truck-{n}" in text for n in range(4))
    assert [sum(line.startswith(f"      {word}") for line in text.splitlines()) for word in ("Truck", "车辆")] == [4, 4]
    assert "4 of 8" in text


def test_readings_fill_what_alerts_leave() -> None:
    before, after = shown(replace(FULL, alerts=[]), 80, 24), shown(FULL, 80, 24)
    assert before.count("position") == 10
    assert "position" not in after


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
