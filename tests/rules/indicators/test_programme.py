"""The city's file: read within bounds, and each fault names its field."""

from pathlib import Path

import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from rules.indicators.definitions import IndicatorId
from rules.indicators.programme import ProgrammeFileError, read_programme


def test_the_file_of_the_demonstration_has_the_figures_of_the_plan() -> None:
    programme = read_programme(JINCHENG / "programme.yaml")
    found = {id_: (one.baseline, one.target) for id_, one in programme.indicators.items()}
    assert found[IndicatorId.CONSTRUCTION_RECYCLING] == (14.34, 60)
    assert found[IndicatorId.HOUSEHOLD_RECYCLING] == (25.86, 35)
    assert found[IndicatorId.HOUSEHOLD_COLLECTED] == (53.37, 47.56)
    assert found[IndicatorId.INCINERATION_SHARE] == (None, 75)
    sites = {site for one in programme.indicators.values() for site in one.sites or ()}
    assert sites <= set(read_city(JINCHENG).sites)


def test_without_a_file_there_are_no_targets() -> None:
    assert read_programme(None).target(IndicatorId.SPOIL_INFLOW).target is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("indicators: {construction_recycling: {target: many}}", "indicators.construction_recycling.target"),
        ("indicators: {construction_recyclin: {}}", "did you mean 'construction_recycling'?"),
        ("indicators: {spoil_inflow: {streams: [spoll]}}", "did you mean 'spoil'?"),
        ("indicators: {spoil_inflow: {sites: []}}", "indicators.spoil_inflow.sites"),
        ("indicators: {spoil_inflow: {goal: 3}}", "indicators.spoil_inflow.goal"),
        ("indicators: {spoil_inflow: {target: .nan}}", "indicators.spoil_inflow.target"),
        ("needs: {sites_pct: 101}", "needs.sites_pct"),
        ("population: 0", "population"),
        ("assessment: {weights: {alerts: 0, manifests: 0, data: 0}}", "assessment.weights"),
        ("assessment: {points: {P5: 3}}", "assessment.points.P5"),
        ("- a\n- b", "programme.yaml: file"),
        ("population: 1\npopulation: 2", "population"),
        ("a: *b", "programme.yaml"),
    ],
)
def test_a_fault_names_its_field_and_what_to_write(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "programme.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ProgrammeFileError) as caught:
        read_programme(file)
    assert fault in str(caught.value)
    assert "programme.yaml" in str(caught.value)


def test_an_empty_file_is_one_without_targets(tmp_path: Path) -> None:
    file = tmp_path / "programme.yaml"
    file.touch()
    assert read_programme(file).indicators == {}
