"""The quarterly report as people read it, by poppler, and as the same bytes each time."""

import re
import subprocess
from datetime import date
from pathlib import Path

import pytest

from ingest.evidence.record import fonts
from ingest.evidence.record.words import Language
from ingest.quarterly.document import NoChineseFont, quarterly_report
from ingest.quarterly.words import WORDS
from rules.alerts.model import Text
from rules.indicators.definitions import DEFINITIONS
from rules.indicators.model import IndicatorPart, IndicatorQuality, IndicatorReport, LateDay
from tests.grafana.demonstration import REPORT
from tests.servers import program
from tests.waiting import PATIENCE_S

needs_font = pytest.mark.skipif(
    not any(place.exists() for place in fonts.PLACES), reason="no Chinese font: on Debian, fonts-wqy-microhei"
)
QUALITY = IndicatorQuality(
    loads=1_612, weighed_pct=98.6, estimated=21, without_net=0, without_stream=4, waiting=3, days=92,
    days_without_data=7, sites=3, sites_without_scale=1, deposits=1_204, points=5, points_without_deposits=1,
)  # fmt: skip


def report() -> IndicatorReport:
    first, *others = REPORT.indicators
    first = first.model_copy(update={"quality": QUALITY, "baseline_year": 2020, "target_year": 2025})
    late = (LateDay(day="2026-07-03", revisions=2, net_kg=-6_000.0),)
    span = {"first_day": date(2026, 7, 1), "last_day": date(2026, 9, 30)}
    return REPORT.model_copy(update={**span, "indicators": (first, *others), "late": late})


def text_of(content: bytes, folder: Path) -> str:
    file = folder / "report.pdf"
    file.write_bytes(content)
    command = [program("pdftotext"), "-layout", str(file), "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return re.sub(r"\s+", "", done.stdout)


@needs_font
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_indicator_stands_on_it_with_its_definition(language: Language, tmp_path: Path) -> None:
    read = text_of(quarterly_report(report(), "2026Q3", language, None), tmp_path)
    for definition in DEFINITIONS.values():
        for text in (definition.name, definition.formula, definition.scope):
            assert re.sub(r"\s+", "", text.zh if language == "zh" else text.en) in read
    wanted = {
        "en": ["21.43%14.34(2020)≥60(2025)15.5%", "1,612loads;98.6%oftheweight", "4ofanunknownstream",
               "3waitfortheirtruck",
               "7of92dayswithoutdata;1of3siteswithoutaweighbridge;1,204deposits;1of5smartpointswithoutadeposit",
               "Novalue:noloadwasweighed", "2026-07-032-6,000"],
        "zh": ["21.43%14.34(2020)≥60(2025)15.5%", "1,612车次；重量的98.6%为实测", "4次类别不明", "3次待认定车辆",
               "92天中7天无数据；3个场所中1个无地磅；1,204次投放；5个智能回收点中1个无投放",
               "无数值：没有过磅记录", "2026-07-032-6,000"],
    }  # fmt: skip
    assert [text for text in wanted[language] if text not in read] == []


@needs_font
def test_a_withheld_value_is_shown_with_no_zeros_instead(tmp_path: Path) -> None:
    tonnes = Text(en="t", zh="吨")
    empty = tuple(IndicatorPart(id=id_, name=Text(en=id_, zh=id_), value=0.0, unit=tonnes) for id_ in ("part", "whole"))
    first, *others = report().indicators
    assert others[0].value is None
    held = others[0].model_copy(update={"parts": empty})
    some = others[1].model_copy(update={"parts": (empty[0], empty[1].model_copy(update={"value": 2.5}))})
    read = text_of(
        quarterly_report(report().model_copy(update={"indicators": (first, held, some)}), "2026Q3", "en", None),
        tmp_path,
    )
    assert "part0t" in read
    assert "part0t;whole0t" not in read
    assert "part0t;whole2.5t" in read


@needs_font
def test_the_same_figures_give_the_same_bytes_whenever_they_are_drawn() -> None:
    later = report().model_copy(update={"at": REPORT.at + 86_400_000})
    assert quarterly_report(report(), "2026Q3", "zh", None) == quarterly_report(later, "2026Q3", "zh", None)
    other = report().model_copy(update={"late": ()})
    assert quarterly_report(report(), "2026Q3", "zh", None) != quarterly_report(other, "2026Q3", "zh", None)


def test_without_a_font_the_chinese_report_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "PLACES", ())
    with pytest.raises(NoChineseFont, match="fonts-wqy-microhei"):
        quarterly_report(report(), "2026Q3", "zh", None)
    assert quarterly_report(report(), "2026Q3", "en", None).startswith(b"%PDF")


def test_both_languages_have_the_same_places_to_fill() -> None:
    for english, chinese in zip(WORDS["en"], WORDS["zh"], strict=True):
        assert set(re.findall(r"{\w+}", str(english))) == set(re.findall(r"{\w+}", str(chinese)))
