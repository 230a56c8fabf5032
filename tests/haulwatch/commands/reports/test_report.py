"""`haulwatch report`: keys of informants are made, rotated and dropped; QR codes of sites; and names end in time."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from devices.db.database import DatabaseUnavailable
from devices.people.audit import AuditFilter
from devices.readings.instants import DAY_MS, now_ms
from haulwatch.settings.data_files import informant_keys_path
from haulwatch.settings.load import SettingsError, load_settings
from haulwatch.wiring.databases import open_audit_trail
from haulwatch.wiring.desk import reports as wiring
from haulwatch.wiring.desk.reports import informant_keys, keep_erasing, open_public_reports
from rules.public_reports.informants import Informants
from rules.public_reports.model import Informant
from rules.public_reports.sealing import BadInformantKey
from tests.haulwatch.commands.desk import Desk
from tests.rules.public_reports.test_model import new
from tests.waiting import eventually

WANG = Informant(name="王某", contact="138 0000 0000")


def test_keys_are_made_rotated_and_dropped_and_names_stay_readable(desk: Desk) -> None:
    first = desk.ask("report", "key")
    assert first["new"]
    assert desk.ask("report", "key") == {"id": first["id"], "new": False, "others": []}
    settings = desk.settings()
    assert informant_keys_path(settings).stat().st_mode & 0o777 == 0o600
    now = now_ms()
    with open_public_reports(settings, lambda: "Asia/Shanghai") as found:
        assert isinstance(found.informants, Informants)
        no = found.reports.add(new(seen_at=now, received_at=now), seal=found.informants.sealer(WANG)).report.no
        second = desk.ask("report", "key", "--rotate")
        assert second == {"id": second["id"], "new": True, "others": [first["id"]]}
        assert found.informants.open(no) == WANG
        assert desk.ask("report", "reseal", "--drop") == {"resealed": 1, "keys": [second["id"]]}
        assert informant_keys(settings).ids == (second["id"],)
        assert found.informants.open(no) == WANG
    with closing(open_audit_trail(settings)) as trail:
        entries = trail.entries(AuditFilter(), limit=9)
    made = [(one.action, one.target) for one in entries if one.action.startswith("haulwatch report")]
    assert made == [
        ("haulwatch report reseal", f"1 by {second['id']}"),
        ("haulwatch report key", second["id"]),
        ("haulwatch report key", first["id"]),
    ]
    secret = informant_keys_path(settings).read_text().split()[1]
    assert secret not in f"{entries} {first} {second} {settings!r}"


def test_keys_that_others_may_read_are_refused(desk: Desk) -> None:
    desk.ask("report", "key")
    informant_keys_path(desk.settings()).chmod(0o640)
    with pytest.raises(BadInformantKey, match="chmod 600"):
        informant_keys(desk.settings())
    assert "chmod 600" in desk.refused("report", "key")


def test_keys_of_a_setting_hold_in_place_of_the_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = desk.ask("report", "key")
    content = informant_keys_path(desk.settings()).read_text()
    informant_keys_path(desk.settings()).unlink()
    monkeypatch.setenv("HAULWATCH_REPORT_KEYS", content)
    assert desk.ask("report", "key")["id"] == made["id"]
    assert "HAULWATCH_REPORT_KEYS" in desk.refused("report", "key", "--rotate")


def test_a_sign_leads_to_the_form_of_its_site(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = "depot-danhe"
    assert "HAULWATCH_REPORT_PUBLIC_URL" in desk.refused("report", "qr", site, "--out", str(tmp_path / "a.svg"))
    monkeypatch.setenv("HAULWATCH_REPORT_PUBLIC_URL", "https://report.example.cn/")
    done = desk.run("report", "qr", site, "--out", str(tmp_path / "a.svg"))
    assert f"https://report.example.cn/report/{site}" in done.output
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<svg")
    assert desk.run("report", "qr", site, "--out", str(tmp_path / "a.png")).exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert "no such site" in desk.refused("report", "qr", "nowhere", "--out", str(tmp_path / "b.svg"))
    assert ".svg or .png" in desk.refused("report", "qr", site, "--out", str(tmp_path / "a.pdf"))


def test_settings_of_the_form_are_checked_at_start() -> None:
    found = load_settings({"HAULWATCH_REPORT_PUBLIC_URL": "https://report.example.cn:8443/waste/"})
    assert found.reports.hosts == ("report.example.cn",)
    assert found.reports.form == "off"
    for name, value in (
        ("HAULWATCH_REPORT_PUBLIC_URL", "report.example.cn"),
        ("HAULWATCH_REPORT_PUBLIC_URL", "https://report.example.cn/?a=b"),
        ("HAULWATCH_REPORT_OFFICE", "x\u202ey"),
        ("HAULWATCH_REPORT_HOTLINE", "1" * 65),
        ("HAULWATCH_REPORT_INFORMANT_KEEP_DAYS", "0"),
    ):
        with pytest.raises(SettingsError, match=name):
            load_settings({name: value})


async def test_names_are_erased_when_their_days_are_over_also_after_the_database_was_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wiring, "ERASE_EVERY_S", 0.0)
    asked: list[int] = []
    stop = asyncio.Event()

    def erase_before(received_before: int) -> int:
        asked.append(received_before)
        if len(asked) == 1:
            raise DatabaseUnavailable("away")
        return 3

    erasing = asyncio.create_task(keep_erasing(erase_before, 180, lambda: 1_790_000_000_000, stop))
    await eventually(lambda: len(asked) >= 3)
    stop.set()
    await erasing
    assert set(asked) == {1_790_000_000_000 - 180 * DAY_MS}
