"""Tariffs: what a kilogram earns, when, where, and files that cannot be used."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from devices.city.hours import Hours
from devices.city.sites import Site, SiteKind
from rules.recyclables.model import Unit
from rules.recyclables.tariff import Earned, TariffFileError, Tariffs, material_of, read_tariffs
from tests.rules.town import square

DAY = date(2026, 3, 1)
POINT = Site("point", SiteKind.RECYCLING_POINT, "Point", "点", square(0, 0, 20), deposit_hours=(Hours(360, 540),))


def tariffs(**changed: Any) -> Tariffs:
    one = {"name": "2026", "unit": "points", "per_kg": {"paper": 80, "塑料": "1.255"}} | changed
    return Tariffs.model_validate({"tariffs": [one]})


def points(found: Tariffs, material: str, grams: int, day: date = DAY, minute: int = 400) -> int | None:
    earned = found.earned(material, grams, day, POINT, minute)
    return None if earned is None else earned.hundredths


def test_weight_times_rate_is_rounded_half_up_to_hundredths() -> None:
    assert tariffs().earned("plastic", 1_000, DAY, POINT, 0) == Earned("2026", Unit.POINTS, 126)  # 1.255
    assert points(tariffs(), "plastic", 999) == 125
    assert points(tariffs(), "paper", 12_345) == 98_760


def test_materials_are_meant_by_word_or_name_in_any_case() -> None:
    assert [material_of(said) for said in ("纸类", "PAPER", "Milk  Cartons", "ＰＡＰＥＲ")] == [
        "paper",
        "paper",
        "milk cartons",
        "paper",
    ]
    assert points(tariffs(per_kg={"Milk Cartons": 5}), "milk cartons", 1_000) == 500
    assert points(tariffs(), "glass", 1_000) is None


def test_a_tariff_holds_from_its_first_day_to_the_day_before_its_end() -> None:
    found = tariffs(valid_from="2026-03-01", valid_until="2026-04-01")
    days = (date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 31), date(2026, 4, 1))
    assert [points(found, "paper", 1_000, day) for day in days] == [None, 8_000, 8_000, None]


def test_closed_points_and_too_heavy_deposits_earn_nothing_where_the_tariff_says_so() -> None:
    assert points(tariffs(in_hours_only=True), "paper", 1_000, minute=600) == 0
    assert points(tariffs(in_hours_only=True), "paper", 1_000, minute=539) == 8_000
    assert points(tariffs(), "paper", 1_000, minute=600) == 8_000
    assert [points(tariffs(most_kg=50), "paper", grams) for grams in (50_000, 50_001)] == [400_000, 0]


def test_what_weighs_just_the_limit_is_paid() -> None:
    assert [points(tariffs(most_kg=2.01), "paper", grams) for grams in (2_010, 2_011)] == [16_080, 0]


def test_a_tariff_of_other_points_does_not_pay_here() -> None:
    assert points(tariffs(sites=["elsewhere"]), "paper", 1_000) is None
    assert tariffs(sites=["point"]).earned("paper", 1_000, DAY, None, 0) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("tariffs: [{name: a, unit: yen, per_kg: {paper: 1}}]", "tariffs.0.unit"),
        ("tariffs: [{name: a, unit: CNY, per_kg: {}}]", "tariffs.0.per_kg"),
        ("tariffs: [{name: a, unit: CNY, per_kg: {paper: -1}}]", "tariffs.0.per_kg.paper"),
        ("tariffs: [{name: a, unit: CNY, per_kg: {paper: 1, 纸类: 2}}]", "names a material twice"),
        ("tariffs: [{name: a, unit: CNY, per_kg: {paper: 1}, extra: 1}]", "tariffs.0.extra"),
        (
            "tariffs: [{name: a, unit: CNY, per_kg: {paper: 1}, valid_from: 2026-02-01, valid_until: 2026-02-01}]",
            "valid_until: not after valid_from",
        ),
        (
            """tariffs:
            - {name: a, unit: CNY, per_kg: {paper: 1}, valid_until: 2026-02-02}
            - {name: b, unit: points, per_kg: {paper: 1}, valid_from: 2026-02-01}""",
            "'a' and 'b' both pay for paper",
        ),
        (
            "tariffs: [{name: a, unit: CNY, per_kg: {paper: 1}}, {name: a, unit: CNY, per_kg: {metal: 1}}]",
            "two tariffs are called 'a'",
        ),
    ],
)
def test_a_faulty_file_names_its_field(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "tariffs.yaml").write_text(text)
    with pytest.raises(TariffFileError, match=r"^tariffs\.yaml: ") as caught:
        read_tariffs(tmp_path / "tariffs.yaml")
    assert fault in str(caught.value)


def test_tariffs_that_follow_each_other_or_have_other_sites_may_pay_for_one_material(tmp_path: Path) -> None:
    (tmp_path / "tariffs.yaml").write_text(
        "tariffs:\n"
        "- {name: a, unit: CNY, per_kg: {paper: 1}, valid_until: 2026-03-01, sites: [point]}\n"
        "- {name: b, unit: CNY, per_kg: {paper: 0.1}, valid_from: 2026-03-01, sites: [point]}\n"
        "- {name: c, unit: points, per_kg: {paper: 3}, sites: [other]}\n"
    )
    found = read_tariffs(tmp_path / "tariffs.yaml")
    assert [found.earned("paper", 1_000, date(2026, m, 1), POINT, 0) for m in (2, 3)] == [
        Earned("a", Unit.CNY, 100),
        Earned("b", Unit.CNY, 10),
    ]
    assert found.tariffs[1].rates == {"paper": Decimal("0.1")}
    assert not read_tariffs(None).tariffs
