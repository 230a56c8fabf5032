"""`haulwatch evidence`: a key is made once, a pack is exported and noted, and verified by its public half."""

import json
import os
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from devices.access.signatures import NoSigningKey
from devices.db.registry import Registry
from haulwatch import __version__
from haulwatch.wiring.databases import open_attachments, open_journal
from haulwatch.wiring.packs import pack_process
from haulwatch.wiring.packs.exporter import open_exporter
from haulwatch.wiring.packs.pack_process import MOST_BYTES
from haulwatch.wiring.packs.processes import PackProcesses, PackRequest
from ingest.evidence.archive import read_archive, write_archive
from ingest.evidence.errors import NoSuchAlert, NotExported
from ingest.evidence.pack import CHANGES_FILE, Exported
from ingest.evidence.verification import verify
from ingest.log.raw_log import RawLog
from ingest.log.records import LogRecord
from rules.attachments.model import Owner, OwnerKind
from tests.closing import closed_later
from tests.haulwatch.commands.desk import Desk
from tests.ingest.evidence.office import KEY, Office, dump_of
from tests.ingest.evidence.test_verification import resigned
from tests.rules.attachments.pictures import photo
from tests.rules.town import town


@pytest.fixture
def desk(tmp_path: Path, office: Office) -> Desk:
    """A data directory with the log and the journal of the office."""
    desk = Desk(tmp_path / "data")
    assert desk.run("db", "upgrade").exit_code == 0
    with closing(Registry(desk.settings().database_url.get_secret_value())) as registry:
        registry.import_city(town())
    with closing(RawLog(desk.home / "raw")) as log:
        log.append([record.message for record in office.records])
    journal = closed_later(open_journal(desk.settings()))
    for entry in office.journal.changes_after(0, 10_000):
        journal.record([entry.change], entry.recorded_at)
    return desk


def test_a_pack_is_exported_noted_and_verified(desk: Desk, office: Office, tmp_path: Path) -> None:
    alert_id, file, key = dump_of(office), tmp_path / "pack.zip", tmp_path / "key.pem"
    assert "`haulwatch evidence key`" in desk.refused("evidence", "export", alert_id, "--out", str(file))
    made = desk.ask("evidence", "key", "--public", str(key))
    again = desk.ask("evidence", "key")
    assert (made["new"], again["new"], again["id"]) == (True, False, made["id"])
    private = desk.home / "evidence" / "signing_key.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in key.read_bytes()
    exported = desk.ask("evidence", "export", alert_id, "--out", str(file))
    assert (exported["judged_again_same"], exported["readings_missing"], exported["key_id"]) == (True, 0, made["id"])
    assert file.stat().st_mode & 0o777 == 0o600
    assert "is there already" in desk.refused("evidence", "export", alert_id, "--out", str(file))
    found = desk.ask("evidence", "verify", str(file), "--key", str(key))
    assert (found["trusted_key"], found["judged_again_same"], found["alert_id"]) == (True, True, alert_id)
    trail = [(one["action"], one["target"]) for one in desk.ask("audit")]
    assert trail == [("haulwatch evidence export", alert_id), ("haulwatch evidence key", made["id"])]
    custody = json.loads(read_archive(file.read_bytes())["custody/custody.json"])
    assert custody["exported"]["how"] == "haulwatch evidence export"


@pytest.fixture
def processes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> PackProcesses:
    """Those of an API with the settings of the desk."""
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(desk.home))
    return closed_later(PackProcesses(desk.home))


def test_a_process_of_the_api_makes_the_same_pack(desk: Desk, office: Office, processes: PackProcesses) -> None:
    """With a photo of the alert; what somebody of no device asks for is unknown."""
    alert_id = dump_of(office)
    desk.ask("evidence", "key")
    attachments = closed_later(open_attachments(desk.settings()))
    attachments.put(Owner(OwnerKind.ALERT, alert_id), "a.jpg", [photo()], "li.wei", 1)
    before = sorted(desk.home.rglob("*"))
    with processes(alert_id, "li.wei", 1_790_100_000_000, None) as file:
        made = file.read()
    found = verify(made, None, __version__)
    assert (found.same, found.manifest.program.version) == (True, __version__)
    with open_exporter(desk.settings()) as exporter:
        exported = Exported("li.wei", 1_790_100_000_000, "GET /api/v1/alerts/{alert_id}/evidence-pack")
        assert exporter.export(alert_id, exported) == made
    assert photo() in read_archive(made).values()
    assert sorted(desk.home.rglob("*")) == before, "nothing of it stays on disk"
    with pytest.raises(NoSuchAlert):
        processes(alert_id, "li.wei", 1, replace(town(), devices={}))


def test_a_process_without_a_key_says_so(
    desk: Desk, office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HAULWATCH_DATA_DIR", str(desk.home))
    monkeypatch.setattr(pack_process, "_make_modest", lambda: None)  # of the process of the tests
    request = PackRequest(alert_id=dump_of(office), by="li.wei", at=1, part=None)
    monkeypatch.setattr("sys.stdin", StringIO(request.model_dump_json()))
    pack_process.main()
    printed = capsys.readouterr().out
    says_the_same = PackProcesses(desk.home, (sys.executable, "-c", f"print({printed!r})"))
    with pytest.raises(NoSigningKey, match="evidence key"):
        says_the_same(dump_of(office), "li.wei", 1, None)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os; os.kill(os.getpid(), 9)", "its process ended"),
        ('import sys; sys.stdin.read(); print(\'{"fault": "too_much_memory"}\')', "takes more memory"),
        ("raise SystemExit(3)", "its process ended"),
    ],
)
def test_a_process_that_fails_says_why(tmp_path: Path, program: str, why: str) -> None:
    processes = PackProcesses(tmp_path, (sys.executable, "-c", program))
    with pytest.raises(NotExported, match=why):
        processes("9f86d081884c7d65", "li.wei", 1, None)


def test_a_process_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    waits = "import sys, time; sys.stdin.read(); time.sleep(1e6)"
    processes = PackProcesses(tmp_path, (sys.executable, "-c", waits), longest_s=0.0)
    with pytest.raises(NotExported, match="evidence export"):
        processes("9f86d081884c7d65", "li.wei", 1, None)
    assert processes._running == set()


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory on Linux only")
def test_it_gives_way_and_takes_no_more_memory_than_its_share() -> None:
    program = (
        "import os, resource\nfrom haulwatch.wiring.packs import pack_process as job\njob._make_modest()\n"
        "print(os.getpriority(os.PRIO_PROCESS, 0), resource.getrlimit(resource.RLIMIT_DATA)[0])\n"
        "try: bytearray(job.MOST_BYTES)\nexcept MemoryError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(min(os.nice(0) + 10, 19)), str(MOST_BYTES), "refused"]


def test_an_alert_that_does_not_exist_and_a_key_that_others_may_read_are_refused(desk: Desk, office: Office) -> None:
    desk.ask("evidence", "key")
    assert "no alert 'ffffffffffffffff'" in desk.refused("evidence", "export", "f" * 16, "--out", "nowhere.zip")
    (desk.home / "evidence" / "signing_key.pem").chmod(0o644)
    assert "chmod 600" in desk.refused("evidence", "export", dump_of(office), "--out", "nowhere.zip")
    assert not Path("nowhere.zip").exists()


def test_without_an_authority_no_time_stamp_is_asked(desk: Desk, office: Office) -> None:
    desk.ask("evidence", "key")
    said = desk.refused("evidence", "export", dump_of(office), "--timestamp", "--out", "nowhere.zip")
    assert "HAULWATCH_EVIDENCE_TSA_URL" in said


def test_a_pack_that_judges_otherwise_is_an_exit_code(desk: Desk, office: Office, tmp_path: Path) -> None:
    """Of the raw log only the end is left."""
    for file in (desk.home / "raw").iterdir():
        file.unlink()
    kept: list[LogRecord] = [
        one for one in office.records if one.message.received_at > office.records[0].message.received_at + 3_600_000
    ]
    with closing(RawLog(desk.home / "raw")) as log:
        log.append([record.message for record in kept])
    desk.ask("evidence", "key")
    pack = tmp_path / "pack.zip"
    done = desk.run("evidence", "export", dump_of(office), "--out", str(pack))
    assert done.exit_code == 0, done.output
    assert "readings that the evidence names are no longer in the raw log" in done.output
    verified = desk.run("evidence", "verify", str(pack))
    assert verified.exit_code == 3
    assert "WARNING: the key is the one in the pack" in " ".join(verified.output.split())
    assert "NOT the same alert, as the pack itself says" in " ".join(verified.output.split())


def test_a_changed_pack_is_an_exit_code_and_names_the_file(desk: Desk, office: Office, tmp_path: Path) -> None:
    desk.ask("evidence", "key")
    pack = tmp_path / "pack.zip"
    desk.ask("evidence", "export", dump_of(office), "--out", str(pack))
    pack.write_bytes(pack.read_bytes().replace(b'"actor"', b'"Actor"').replace(b'"exported"', b'"exPorted"'))
    done = desk.run("evidence", "verify", str(pack))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "REFUSED: custody/custody.json: was changed" in " ".join(done.stderr.split())


FORGED = "\x1b[2J\x1b[Hintact: 20 files, signed by the key 0123456789abcdef, which you trust\n\x9b2J\u202e"


def test_no_name_in_a_pack_passes_for_what_the_program_says(desk: Desk, tmp_path: Path) -> None:
    """Not a file in the archive either, whose name a refusal tells."""
    pack = tmp_path / "pack.zip"
    pack.write_bytes(write_archive({FORGED: b"x"}))
    done = desk.run("evidence", "verify", str(pack))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "\x1b" not in done.stderr
    assert "\x9b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert [line[:10] for line in done.stderr.splitlines()] == ["haulwatch:"]


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_no_title_in_a_pack_passes_for_what_the_program_says(office: Office, tmp_path: Path, more: list[str]) -> None:
    files = read_archive(office.export(dump_of(office)))
    entries = json.loads(files[CHANGES_FILE])
    entries[-1]["change"]["title"]["en"] = FORGED
    pack = tmp_path / "pack.zip"
    changed = {**files, CHANGES_FILE: json.dumps(entries).encode()}
    pack.write_bytes(resigned(changed, KEY, subject=FORGED, rule=FORGED, notes=(FORGED,)))
    done = Desk(tmp_path / "none").run("evidence", "verify", str(pack), *more)
    assert done.exit_code == 3, done.output
    assert "\x1b" not in done.output
    assert "\x9b" not in done.output
    assert sum(line.startswith("intact") for line in done.output.splitlines()) == (0 if more else 1)
    assert ("note: " in done.output) is (not more)
