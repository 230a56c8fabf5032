"""Progress of long commands: one line in place on a terminal, a line now and then in a file."""

import io

import pytest
from rich.console import Console

from haulwatch.commands.progress import ProgressLine


def test_a_file_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now, shown = [0.0], io.StringIO()
    monkeypatch.setattr("haulwatch.commands.progress.time.monotonic", lambda: now[0])
    with ProgressLine(Console(file=shown, width=80)) as line:
        for second in range(25):
            now[0] = float(second)
            line.show(f"{second} published")
    assert shown.getvalue() == "0 published\n10 published\n20 published\n"


def test_a_terminal_shows_the_newest_line_and_never_more_than_its_width() -> None:
    shown = io.StringIO()
    with ProgressLine(Console(file=shown, width=40, force_terminal=True)) as line:
        for number in range(3):
            line.show(f"{number} published [red] \x1b[2J " + "and a long cause of trouble " * 4)
    text = shown.getvalue()
    assert "2 published [red] \\x1b[2J" in text
    assert "…" in text
    assert text.count("\n") <= 4
