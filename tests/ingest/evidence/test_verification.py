"""Verification: nothing is changed unseen, whoever changes it; and what is judged again is not taken on trust."""

import json
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.access.signatures import PublicKey, SigningKey
from ingest.evidence.archive import read_archive, write_archive
from ingest.evidence.errors import PackRefused
from ingest.evidence.judging import revision_payloads
from ingest.evidence.manifest import KEY as KEY_FILE
from ingest.evidence.manifest import MANIFEST, OUTSIDE, SIGNATURE, Manifest, entries_of, sealed
from ingest.evidence.pack import CHANGES_FILE
from ingest.evidence.raw_messages import MESSAGES_FILE, RevisionFile, as_lines, read_lines
from ingest.evidence.verification import verify
from tests import ROOT
from tests.ingest.evidence.office import KEY, Office, dump_of
from tests.waiting import PATIENCE_S

FORGER = SigningKey.create()
Json = Any


def refused(content: bytes, trusted: bool = True) -> str:
    """The file that is named."""
    with pytest.raises(PackRefused) as found:
        verify(content, KEY.public if trusted else None, "9.9.9")
    return found.value.name


def resigned(files: dict[str, bytes], key: SigningKey, **changed: Any) -> bytes:
    """The files under a manifest that fits them, by another key: what a forger can do."""
    manifest = Manifest.model_validate_json(files[MANIFEST])
    inside = {name: content for name, content in files.items() if name not in OUTSIDE}
    changed |= {"files": entries_of(inside), "key_id": key.public.id}
    return write_archive(sealed(inside, manifest.model_copy(update=changed), key))


def test_a_pack_is_verified_and_judged_again(pack: bytes, office: Office) -> None:
    found = verify(pack, KEY.public, "9.9.9")
    assert (found.trusted, found.same, found.other_rules, found.why_not) == (True, True, (), "")
    assert found.manifest.alert_id == dump_of(office)
    assert found.comparison is not None
    [*_, last] = found.comparison.changes
    assert (last.rule, last.subject, str(last.phase), str(last.severity)) == (
        "illegal_dumping",
        "T2",
        "confirmed",
        "P1",
    )
    assert not verify(pack, None, "9.9.9").trusted


def test_one_byte_changed_in_any_file_is_refused_and_the_file_named(pack: bytes) -> None:
    files = read_archive(pack)
    assert len(files) > 12
    for name, content in files.items():
        for at in (0, len(content) // 2, len(content) - 1):
            changed = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
            assert name in refused(write_archive({**files, name: changed})), (name, at)


def test_a_key_of_the_same_id_is_another_key(pack: bytes) -> None:
    """The id is 64 bits: somebody may find another key that has it."""
    forged = PublicKey(FORGER.public.pem)
    forged.id = KEY.public.id
    with pytest.raises(PackRefused, match="which you trust"):
        verify(pack, forged, "9.9.9")


@given(at=st.integers(0), flip=st.integers(1, 255))
def test_one_byte_changed_anywhere_in_the_archive_is_refused(pack: bytes, at: int, flip: int) -> None:
    at %= len(pack)
    assert refused(pack[:at] + bytes([pack[at] ^ flip]) + pack[at + 1 :])


def test_one_byte_changed_in_the_structure_of_the_archive_is_refused(pack: bytes) -> None:
    """Headers, directory and end: every byte of them."""
    with zipfile.ZipFile(BytesIO(pack)) as archive:
        directory = archive.start_dir
        headers = [range(one.header_offset, one.header_offset + 30) for one in archive.infolist()]
    for at in (*range(directory, len(pack)), *(at for header in headers[:3] for at in header)):
        assert refused(pack[:at] + bytes([pack[at] ^ 0x10]) + pack[at + 1 :])


def test_a_file_that_is_missing_or_added_is_named(pack: bytes) -> None:
    files = read_archive(pack)
    for name in files:
        assert refused(write_archive({other: files[other] for other in files if other != name})) == name
    assert refused(write_archive({**files, "alert/more.json": b"{}"})) == "alert/more.json"
    assert refused(pack + b"\0") == "the archive"
    assert refused(pack[:-1]) == "the archive"
    assert refused(b"") == "the archive"


def test_a_pack_signed_by_somebody_else_is_refused_by_who_trusts_the_maker(pack: bytes) -> None:
    forged = resigned(read_archive(pack), FORGER)
    assert verify(forged, None, "9.9.9").manifest.key_id == FORGER.public.id
    assert refused(forged) == KEY_FILE


def test_the_key_of_the_maker_beside_the_signature_of_a_forger_is_refused(pack: bytes) -> None:
    files = read_archive(resigned(read_archive(pack), FORGER))
    assert KEY_FILE in refused(write_archive({**files, KEY_FILE: KEY.public.pem}), trusted=False)


def test_an_alert_that_the_messages_do_not_lead_to_is_seen(pack: bytes) -> None:
    """Whoever holds the key can sign anything; the messages say otherwise."""
    files = read_archive(pack)
    changes: Json = json.loads(files[CHANGES_FILE])
    changes[-1]["change"]["evidence"]["measures"]["before_kg"] = 24_000.0
    files[CHANGES_FILE] = json.dumps(changes).encode()
    found = verify(resigned(files, KEY), KEY.public, "9.9.9")
    assert not found.same
    assert found.comparison is not None
    assert [one for one in found.comparison.differences if "before_kg: 24000.0, judged again 12000.0" in one]


def test_messages_that_were_left_out_are_seen(pack: bytes) -> None:
    """Chained and signed anew without the readings of the raised bed, they lead to no dump."""
    files = read_archive(pack)
    records, _ = read_lines(files[MESSAGES_FILE], revision_payloads(files))
    kept = [one for one in records if b'"lift_up":true' not in one.message.payload.replace(b" ", b"")]
    rows = [json.loads(line) for line in files[MESSAGES_FILE].splitlines()]
    places = {row["offset"]: RevisionFile(row["revision"], row["logged_sha256"]) for row in rows if "revision" in row}
    chained = as_lines(kept, places)
    claimed = Manifest.model_validate_json(files[MANIFEST]).messages
    count = claimed.count - (len(records) - len(kept))
    messages = claimed.model_copy(update={"chain_head": chained.head, "count": count})
    found = verify(resigned({**files, MESSAGES_FILE: chained.content}, KEY, messages=messages), KEY.public, "9.9.9")
    assert not found.same
    assert found.comparison is not None
    assert "revision 3 (confirmed): does not come again" in found.comparison.differences


def test_a_message_in_another_place_is_seen(pack: bytes) -> None:
    files = read_archive(pack)
    lines = files[MESSAGES_FILE].splitlines(keepends=True)
    lines[5], lines[6] = lines[6], lines[5]
    assert refused(resigned({**files, MESSAGES_FILE: b"".join(lines)}, KEY)) == f"{MESSAGES_FILE} line 6"
    assert refused(resigned({**files, MESSAGES_FILE: b"".join(lines[:-1])}, KEY)).startswith(MESSAGES_FILE)


def test_another_version_says_which_made_it_and_which_rules_differ(pack: bytes) -> None:
    files = read_archive(pack)
    made = Manifest.model_validate_json(files[MANIFEST]).program
    rules = {**made.rules, "illegal_dumping": 1, "of_the_past": 4}
    del rules["speeding"]
    other = resigned(files, KEY, program=made.model_copy(update={"version": "8.0.0", "rules": rules}))
    found = verify(other, KEY.public, "9.9.9")
    assert (found.manifest.program.version, found.version) == ("8.0.0", "9.9.9")
    assert found.other_rules == (
        "illegal_dumping 3, made by 1", "of_the_past: not in this version", "speeding: not in the version that made it",
    )  # fmt: skip
    assert found.same


def test_rules_that_this_version_has_not_are_no_refusal(pack: bytes) -> None:
    files = read_archive(pack)
    name = next(name for name in files if name.startswith("judging/rules-"))
    rules: Json = json.loads(files[name])
    rules["city_wide"]["of_the_future"] = {"parameters": {}, "on": True}
    found = verify(resigned({**files, name: json.dumps(rules).encode()}, KEY), KEY.public, "9.9.9")
    assert not found.same
    assert "no rule of_the_future" in found.why_not


def test_openssl_verifies_the_signature_and_sha256sum_the_files(pack: bytes, tmp_path: Path) -> None:
    openssl, sha256sum = shutil.which("openssl"), shutil.which("sha256sum")
    if openssl is None or sha256sum is None:
        pytest.skip("openssl or sha256sum is not installed here")
    for name, content in read_archive(pack).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    readme = (tmp_path / "README.txt").read_text(encoding="utf-8")
    verifying = next(line.split() for line in readme.splitlines() if line.strip().startswith("openssl"))
    checking = next(line.split() for line in readme.splitlines() if line.strip().startswith("sha256sum"))

    def passes(command: list[str]) -> bool:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE_S, check=False)
        return done.returncode == 0

    assert passes(verifying)
    assert passes(checking)
    signature = tmp_path / SIGNATURE
    signature.write_bytes(bytes([signature.read_bytes()[0] ^ 1]) + signature.read_bytes()[1:])
    assert not passes(verifying)
    (tmp_path / CHANGES_FILE).write_bytes((tmp_path / CHANGES_FILE).read_bytes() + b" ")
    assert not passes(checking)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command as somebody without an installation calls it."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HAULWATCH_DATA_DIR": str(folder / "nothing")}
    command = [sys.executable, "-m", "haulwatch", "evidence", "verify", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )


def test_a_machine_without_database_verifies_it(retracted: bytes, tmp_path: Path) -> None:
    (tmp_path / "pack.zip").write_bytes(retracted)
    (tmp_path / "key.pem").write_bytes(KEY.public.pem)
    done = run(tmp_path, "pack.zip", "--key", "key.pem")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "which you trust" in done.stdout
    assert "the same alert, in all 3 changes" in done.stdout
    assert "it was retracted: alert/before_amendment.json holds" in done.stdout
    assert "made by haulwatch 9.9.9" in done.stdout
    content = retracted.replace(b'"topic"', b'"tOpic"', 1)
    (tmp_path / "changed.zip").write_bytes(content)
    changed = run(tmp_path, "changed.zip")
    assert changed.returncode == 1
    assert f"REFUSED: {MESSAGES_FILE}: was changed" in changed.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["changed.zip", "key.pem", "pack.zip"]
