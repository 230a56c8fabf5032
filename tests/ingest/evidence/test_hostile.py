"""Archives made to hurt whoever opens them: refused within bounds, by name, before anything of them is believed."""

import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.evidence import archive, verification
from ingest.evidence.archive import read_archive, write_archive
from ingest.evidence.errors import PackRefused
from ingest.evidence.manifest import MANIFEST
from ingest.evidence.raw_messages import MESSAGES_FILE
from ingest.evidence.verification import verify, verify_file
from tests.ingest.evidence.office import KEY
from tests.ingest.evidence.test_verification import resigned


def zipped(write: Callable[[zipfile.ZipFile], Any], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = BytesIO()
    with zipfile.ZipFile(target, "w", compression) as opened:
        write(opened)
    return target.getvalue()


def refusal(content: bytes) -> PackRefused:
    with pytest.raises(PackRefused) as found:
        verify(content, None, "1")
    return found.value


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "/etc/passwd", "alert/../../x", "a\\b", "C:evil", "alert//x", "alert/", "x" * 300, "récit",
        "a/b/c/d/e/f",
    ],
)  # fmt: skip
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    assert "no file of such a name" in refusal(zipped(lambda opened: opened.writestr(name, "x"))).detail


def test_a_bomb_is_refused_unopened() -> None:
    bomb = zipped(lambda opened: opened.writestr("manifest.json", b"\0" * (64 << 20)), zipfile.ZIP_DEFLATED)
    assert len(bomb) < 100_000
    tracemalloc.start()
    try:
        assert refusal(bomb).name == "manifest.json"
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 << 20


def test_two_files_of_one_name_are_refused() -> None:
    content = write_archive({"alert/a.json": b"1", "alert/b.json": b"2"})
    assert refusal(content.replace(b"b.json", b"a.json")).detail == "is twice in the archive"


@pytest.mark.parametrize("mode", [0o120777, 0o040755, 0o100777, 0o020666])
def test_links_and_devices_are_refused(mode: int) -> None:
    info = zipfile.ZipInfo("manifest.json")
    info.create_system, info.external_attr = 3, mode << 16
    assert "no plain file" in refusal(zipped(lambda opened: opened.writestr(info, "/etc/passwd"))).detail


def test_a_directory_of_millions_of_files_is_not_read() -> None:
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65_000, 65_000, 0x7FFFFFFF, 0, 0)
    assert "65,000 files" in refusal(b"\0" * 1_000 + end).detail


def test_files_that_share_their_bytes_are_refused() -> None:
    """Each entry of the directory points to the same content: a small file that would be read a thousand times."""
    content = write_archive({"a/one": b"x" * 1_000, "a/two": b"x" * 1_000})
    second = content.rindex(b"PK\x01\x02")
    shared = content[: second + 42] + struct.pack("<I", 0) + content[second + 46 :]
    assert refusal(shared).name


@pytest.mark.parametrize("name", ["alert/alert.json", "judging/city-1", "judging/rules-1.txt"])
def test_json_beyond_all_bounds_is_refused(pack: bytes, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    files = read_archive(pack)
    most = max(len(content) for file, content in files.items() if file.endswith(".json"))
    monkeypatch.setattr(verification, "MAX_JSON_BYTES", most)
    refused = refusal(resigned({**files, name: b" " * (most + 1)}, KEY))
    assert (refused.name, "is larger than" in refused.detail) == (name, True)


@pytest.mark.parametrize("name", ["judging/city-1.json", "alert/changes.json", MESSAGES_FILE])
@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"{}", b"\xff\xfe", b"null\n", b'{"rows": {"city": 7}}', b"1" * 6_000]
)
def test_files_that_hold_something_else_are_refused(pack: bytes, name: str, content: bytes) -> None:
    """Signed by whoever made them: a signature says nothing of what it signs."""
    assert name.split(".", maxsplit=1)[0] in refusal(resigned({**read_archive(pack), name: content + b"\n"}, KEY)).name


def test_a_manifest_that_is_none_is_refused(pack: bytes) -> None:
    files = read_archive(pack)
    for content in (b"", b"{}", b"[" * 100_000, json.dumps({"format": "other"}).encode()):
        changed = {**files, MANIFEST: content, "manifest.sig": KEY.sign(content)}
        assert refusal(write_archive(changed)).name == MANIFEST


def test_shapes_that_are_none_are_refused(pack: bytes) -> None:
    files = read_archive(pack)
    city = json.loads(files["judging/city-1.json"])
    for wkb in ("", "00", "zz", "01" + "03000000" + "ffffffff"):
        city["rows"]["site"][0]["area_wkb"] = wkb
        changed = resigned({**files, "judging/city-1.json": json.dumps(city).encode()}, KEY)
        assert refusal(changed).name == "judging/city-1.json"


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "MAX_PACK_BYTES", 1 << 20)
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.truncate((1 << 20) + 1)
    with pytest.raises(PackRefused, match="larger than 1 MiB"):
        verify_file(path, None, "1")


@given(content=st.binary(max_size=400))
def test_anything_else_is_refused(content: bytes) -> None:
    assert refusal(content).name


@given(files=st.dictionaries(st.sampled_from(["a", "b/c", "manifest.json", "x.y"]), st.binary(max_size=50), min_size=1))
def test_an_archive_is_read_as_it_was_written(files: dict[str, bytes]) -> None:
    assert read_archive(write_archive(files)) == files
    assert len(files) <= archive.MAX_FILES
