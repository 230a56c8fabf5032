"""Stated stocks: the last statement holds, and two stocks in a row are a change."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from devices.db.database import open_database
from rules.stocks.store import StatedDay, StockChange, StockStore, changes_of
from rules.stocks.tables import metadata

D1, D2, D3 = date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)


def stated(on: date, at: str = "plant", **kg: float) -> StatedDay:
    return StatedDay.model_validate({"site": at, "day": on, **kg})


def test_two_stocks_in_a_row_are_a_change_with_both_errors() -> None:
    found = changes_of(
        [
            stated(D1, stock_kg=50_000, error_kg=300),
            stated(D2, stock_kg=54_000, error_kg=400, residue_kg=900),
            stated(D2, "other", stock_change_kg=-2_000, error_kg=100),
            stated(D3, "other", residue_kg=70),
        ]
    )
    assert found == {
        ("2026-03-01", "plant"): StockChange(None, 0, 0),
        ("2026-03-02", "plant"): StockChange(4_000, 900, 500),
        ("2026-03-02", "other"): StockChange(-2_000, 0, 100),
        ("2026-03-03", "other"): StockChange(None, 70, 0),
    }


def test_the_last_statement_holds_and_the_day_before_the_span_is_asked_for(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'db'}")
    metadata.create_all(engine)
    store = StockStore(engine)
    store.state([stated(D1, stock_kg=50_000), stated(D2, stock_kg=1)], "li", "survey", 1)
    store.state([stated(D2, stock_kg=53_000)], "wang", "a zero too few", 2)
    assert store.changes(D2, D3) == {("2026-03-02", "plant"): StockChange(3_000, 0, 0)}
    assert [(one.stated.stock_kg, one.actor, one.reason) for one in store.entered(D1, D3)] == [
        (50_000, "li", "survey"),
        (53_000, "wang", "a zero too few"),
    ]
    store.close()


@pytest.mark.parametrize(
    "kg", [{}, {"stock_kg": 1, "stock_change_kg": 1}, {"stock_kg": -1}, {"residue_kg": float("nan")}]
)
def test_a_statement_says_one_thing(kg: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        stated(D1, **kg)
