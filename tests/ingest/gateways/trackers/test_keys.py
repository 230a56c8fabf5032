"""Keys of trackers: a file that only its owner reads, and who may speak for which device."""

from pathlib import Path
from typing import Final

import pytest

from ingest.gateways.trackers.keys import BadKeys, read_keys

KEY: Final = "0123456789abcdef"
OTHER: Final = "fedcba9876543210"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "keys"
    made.touch(mode=0o600)
    return made


def test_a_key_is_good_for_its_device_only(path: Path) -> None:
    path.write_text(f"# phones of crew 4\ntruck-17 {KEY}\n\ntruck-18\t{OTHER}\n")
    keys = read_keys(path)
    assert keys.allows("truck-17", KEY)
    assert not keys.allows("truck-17", OTHER)
    assert not keys.allows("truck-18", KEY)
    assert not keys.allows("truck-19", KEY)
    assert not keys.allows("truck-17", "")
    assert not keys.allows("*", KEY)


def test_a_server_that_forwards_speaks_for_every_device(path: Path) -> None:
    path.write_text(f"* {KEY}\ntruck-18 {OTHER}\n")
    keys = read_keys(path)
    assert keys.allows("truck-17", KEY)
    assert keys.allows("truck-18", KEY)
    assert keys.allows("truck-18", OTHER)
    assert not keys.allows("truck-17", OTHER)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has no key"),
        ("# nothing\n", "has no key"),
        ("truck-17\n", ":1: write `DEVICE KEY`"),
        ("truck-17 short\n", ":1: write `DEVICE KEY`"),
        (f"truck-17 {KEY} more\n", ":1: write `DEVICE KEY`"),
        (f"truck/17 {KEY}\n", ":1: write `DEVICE KEY`"),
        (f"truck-17 {KEY}&x=1\n", ":1: write `DEVICE KEY`"),
        (f"truck-17 {KEY}\ntruck-17 {OTHER}\n", ":2: truck-17 has a key already"),
    ],
)
def test_fault_names_the_line_and_never_the_key(path: Path, text: str, problem: str) -> None:
    path.write_text(text)
    with pytest.raises(BadKeys) as caught:
        read_keys(path)
    assert problem in str(caught.value)
    assert KEY not in str(caught.value)


def test_file_that_others_may_read_is_refused(path: Path) -> None:
    path.write_text(f"truck-17 {KEY}\n")
    path.chmod(0o640)
    with pytest.raises(BadKeys, match="others may read it: `chmod 600"):
        read_keys(path)
