"""The record: the same bytes, its fonts embedded, in both languages what must not be overlooked on the first page."""

import json
import re
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from devices.city.model import City
from ingest.evidence.archive import read_archive
from ingest.evidence.manifest import MANIFEST
from ingest.evidence.record import fonts
from ingest.evidence.record.document import records
from ingest.evidence.record.fonts import BadFont, record_font
from ingest.evidence.record.measures import MEASURES
from ingest.evidence.record.words import WORDS
from ingest.log.raw_log import RawLog
from ingest.log.records import REVISION_TOPICS
from tests import ROOT
from tests.closing import closed_later
from tests.ingest.evidence.office import EXPORTED, Office, dump_of, message, town_office, with_ticks
from tests.rules.engine.test_every_rule_in_any_order import records as story
from tests.rules.stories import STORIES
from tests.rules.town import T0
from tests.servers import program
from tests.waiting import PATIENCE_S

needs_font = pytest.mark.skipif(
    not any(place.exists() for place in fonts.PLACES), reason="no Chinese font: on Debian, fonts-wqy-microhei"
)


def made(office: Office, alert_id: str, folder: Path, font: Path | None = None) -> dict[str, Path]:
    exporter = replace(office.exporter, records=lambda contents: records(contents, font))
    files = read_archive(exporter.export(alert_id, EXPORTED))
    found = {}
    for name in files:
        if name.endswith(".pdf"):
            found[name] = folder / name
            found[name].write_bytes(files[name])
    return found


def pages(pdf: Path) -> list[str]:
    """The text of each page, by poppler."""
    command = [program("pdftotext"), "-layout", str(pdf), "-"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return [" ".join(page.split()) for page in done.stdout.split("\f")[:-1]]


def without_spaces(text: str) -> str:
    return re.sub(r"\s", "", text)


@needs_font
def test_the_record_is_the_same_bytes_each_time_and_dated_by_no_clock(office: Office, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    one, other = (made(office, dump_of(office), folder) for folder in (tmp_path, tmp_path / "again"))
    assert sorted(one) == ["record_en.pdf", "record_zh.pdf"]
    for name, path in one.items():
        assert path.read_bytes() == other[name].read_bytes()
        assert b"/CreationDate (D:20000101000000" in path.read_bytes()


@needs_font
def test_the_font_travels_with_it(office: Office, tmp_path: Path) -> None:
    for path in made(office, dump_of(office), tmp_path).values():
        command = [program("pdffonts"), str(path)]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
        embedded = [line.split() for line in listed.splitlines() if "WenQuanYi" in line or "Droid" in line]
        assert embedded
        assert all("yes yes yes" in " ".join(line) for line in embedded)


@needs_font
def test_the_first_page_says_what_it_is_and_has_room_for_two_reviews(office: Office, tmp_path: Path) -> None:
    found = made(office, dump_of(office), tmp_path)
    english, chinese = pages(found["record_en.pdf"]), pages(found["record_zh.pdf"])
    for text in (
        "A lead for officers. Not proof by itself.",
        "Legal review",
        "Technical review",
        "article 41",
        "晋ET2",
    ):
        assert text in english[0]
    for text in ("执法线索，不能单独作为处罚依据", "法制审核", "技术审核", "第四十一条", "车辆晋ET2非法倾倒"):
        assert text in without_spaces(chinese[0])
    assert "weight after 300 kg" in " ".join(english)
    assert "此后重量300kg" in without_spaces("".join(chinese))
    assert all("�" not in page for page in (*english, *chinese))


@needs_font
def test_an_expired_verification_stands_on_the_first_page(tmp_path: Path) -> None:
    rule = "weighbridge_integrity"
    sent = [message(reading, at + 500) for at, reading in story(rule, {}, 0) if reading is not None]

    def first_pages(name: str, city: City) -> tuple[str, str]:
        folder = tmp_path / name
        office = closed_later(Office(folder, city, with_ticks(sent)))
        found = made(office, office.alert_ids(rule)[0], folder)
        return pages(found["record_en.pdf"])[0], without_spaces(pages(found["record_zh.pdf"])[0])

    city = STORIES[rule][0]
    bridge = replace(city.devices["W1"], model="SCS-100", verification="JD-2024-0117", verified_until_ms=T0 - 1_000)
    english, chinese = first_pages("expired", replace(city, devices={**city.devices, "W1": bridge}))
    assert "VERIFICATION EXPIRED: W1 Tip (SCS-100), certificate JD-2024-0117, expired on 2026-09-21" in english
    assert "检定已过期：W1Tip（SCS-100），检定证书编号JD-2024-0117" in chinese
    valid = replace(bridge, verified_until_ms=T0 + 86_400_000)
    assert "VERIFICATION EXPIRED" not in first_pages("valid", replace(city, devices={**city.devices, "W1": valid}))[0]
    assert "No verification is recorded for W1" in first_pages("unknown", city)[0]


@needs_font
def test_what_stands_in_for_the_city_of_that_time_is_said_on_the_first_page(office: Office, tmp_path: Path) -> None:
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append([one.message for one in office.records if one.message.topic not in REVISION_TOPICS])
    exporter = replace(
        office.exporter,
        open_log=lambda: RawLog(tmp_path / "raw"),
        records=lambda contents: records(contents, None),
    )
    files = read_archive(exporter.export(dump_of(office), EXPORTED))
    for name, said in (("record_en.pdf", "NOT THE rule set OF THAT TIME"), ("record_zh.pdf", "并非当时的规则")):
        (tmp_path / name).write_bytes(files[name])
        assert without_spaces(said) in without_spaces(pages(tmp_path / name)[0])


@needs_font
def test_a_retracted_alert_says_so_in_both_languages(office: Office, tmp_path: Path) -> None:
    found = made(office, dump_of(office, "T4"), tmp_path)
    english, chinese = pages(found["record_en.pdf"]), pages(found["record_zh.pdf"])
    assert "TAKEN BACK: there was no such incident" in english[0]
    assert "已撤回：后到的读数表明该情形不成立" in without_spaces(chinese[0])
    assert "Both states" in " ".join(english)
    assert "修正前后的状态" in without_spaces("".join(chinese))


def test_without_a_font_there_is_an_english_record_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "PLACES", ())
    office = town_office(tmp_path)
    exporter = replace(office.exporter, records=lambda contents: records(contents, None))
    files = read_archive(exporter.export(dump_of(office), EXPORTED))
    assert "record_zh.pdf" not in files
    assert json.loads(files[MANIFEST])["notes"] == [
        "record_zh.pdf was not made: no font with Chinese characters is installed (Debian: fonts-wqy-microhei)"
    ]
    (tmp_path / "record.pdf").write_bytes(files["record_en.pdf"])
    assert "No font with Chinese characters was installed" in pages(tmp_path / "record.pdf")[0]


def test_a_file_that_is_no_font_is_named(tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_text("no font")
    with pytest.raises(BadFont, match="HAULWATCH_EVIDENCE_FONT"):
        record_font(tmp_path / "font.ttf")


def test_both_languages_have_every_text() -> None:
    english, chinese = WORDS["en"], WORDS["zh"]
    for name in english._fields:
        one, other = getattr(english, name), getattr(chinese, name)
        assert one or name in {"kinds", "fields", "values"}, name
        assert other, name
        if isinstance(one, str):
            assert set(re.findall(r"\{\w+\}", one)) == set(re.findall(r"\{\w+\}", other)), name
            assert name == "name_field" or re.search("[\u4e00-\u9fff]", other), name
        elif name not in {"kinds", "fields", "values"}:
            assert len(one) == len(other), name


def test_measures_have_the_names_of_the_console() -> None:
    for index, language in enumerate(("en", "zh")):
        text = (ROOT / "api/console/web/src/text" / f"{language}.ts").read_text(encoding="utf-8")
        body = text[text.index("export const measures") :].split("\n}")[0]
        assert dict(re.findall(r'^  (\w+): "(.*)",$', body, re.MULTILINE)) == {
            name: both[index] for name, both in MEASURES.items()
        }


def test_what_cannot_be_drawn_costs_the_record_only(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ingest.evidence.record.document.draw_map", broken)
    exporter = replace(office.exporter, records=lambda contents: records(contents, None))
    files = read_archive(exporter.export(dump_of(office), EXPORTED))
    assert [name for name in files if name.endswith(".pdf")] == []
    notes = json.loads(files[MANIFEST])["notes"]
    assert "record_en.pdf was not made: it cannot be drawn: ZeroDivisionError" in notes[-1]
    assert dump_of(office) in caplog.text
