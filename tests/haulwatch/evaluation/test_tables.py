"""Tables as people read them, on terminals of 80 and of 140 columns."""

import pytest
from rich.cells import cell_len
from rich.console import Console

from haulwatch.commands import shared
from haulwatch.evaluation.matching import Tally
from haulwatch.evaluation.summary import Row
from haulwatch.evaluation.tables import WIDE_COLUMNS, Tables
from haulwatch.evaluation.targets import target


def row(name: str, tally: Tally, tier: str = "clean") -> Row:
    return Row(name, tally, target(name, tier), 2.8e-5)


BUSY = Tally(
    incidents=160, found=150, duplicates=12, withdrawn=3, false_alarms=63, device_days=1512,
    delays_s=[95.0] * 100 + [790.0] * 50, held_s=[180.0] * 150, confirmed_s=[170.0] * 150,
)  # fmt: skip


@pytest.mark.parametrize("columns", [80, 140])
def test_a_table_fits_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shared, "out", Console(width=columns))
    tables = Tables(wide=columns >= WIDE_COLUMNS, unicode=True)
    cells = [tables.cells(row(name, BUSY)) for name in ("illegal_dumping", "weighbridge_integrity")]
    shared.print_table("clean: 1,512 simulated truck-days", tables.headings, cells, right=tables.headings[1:])
    printed = capsys.readouterr().out
    assert max(map(cell_len, printed.splitlines())) <= columns
    assert all(len(line.split()) > 5 for line in printed.splitlines()[3:])  # one line a rule
    assert "93.7 88-97 ✗" in printed
    assert "95/13m ✗" in printed


def test_cells_say_how_a_figure_stands() -> None:
    tables = Tables(wide=False, unicode=False)
    few = tables.cells(
        row("illegal_dumping", Tally(incidents=4, found=4, device_days=24, delays_s=[50.0], held_s=[0.0]))
    )
    assert few == ["illegal_dumping", "4/4", "100 51-100 ?", "100 51-100 ?", "50/50 +", "0 ?"]
    none = tables.cells(row("uncovered_load", Tally(unseen=3, device_days=24), "cheap"))
    assert none[:5] == ["uncovered_load", "no sensor", "-", "-", "-"]


def test_almost_all_does_not_look_like_all() -> None:
    tables = Tables(wide=False, unicode=True)
    tally = Tally(incidents=10_000, found=9_999, device_days=1500, false_alarms=0)
    assert tables.cells(row("speeding", tally))[2].startswith("99.9 ")


def test_every_table_says_that_it_is_simulated() -> None:
    for wide in (False, True):
        assert any("simulated" in line for line in Tables(wide=wide, unicode=True).legend(2.8e-5))
