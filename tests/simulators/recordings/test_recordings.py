"""Recordings, made up and real, give the readings they hold."""

import io
import json
import tarfile
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from devices.readings.models import Kind, Position, Weighing
from simulators.recordings.reader import Recording, RecordingError
from simulators.recordings.rows import Columns

GPX = """<?xml version="1.0"?>
<gpx version="1.1" creator="x" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
<trkpt lat="35.5" lon="112.8"><ele>740.5</ele><time>2026-10-14T06:00:00Z</time></trkpt>
<trkpt lat="35.6" lon="112.9">{second}</trkpt>
</trkseg></trk></gpx>"""
HIGH = "<ele>99999</ele><time>2026-10-14T06:00:10Z</time>"
PLAIN = Columns(device="id")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def positions(recording: Recording) -> list[Position]:
    found = []
    for device_id, reading in recording:
        assert isinstance(reading, Position)
        assert reading.device_id == device_id
        found.append(reading)
    return found


def test_gpx_gives_place_height_and_time(tmp_path: Path) -> None:
    path = write(tmp_path, "a.gpx", GPX.format(second="<time>2026-10-14T06:00:10.5Z</time>"))
    first, second = positions(Recording((path,), device_id="truck-1"))
    assert (first.lat, first.lon, first.altitude_m, first.ts) == (35.5, 112.8, 740.5, 1_791_957_600_000)
    assert second.ts - first.ts == 10_500
    assert second.altitude_m is None


def test_csv_with_names_separator_extras_and_a_time_zone(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "a.csv",
        "id;when;y;x;v\nA-1;2026-10-14 14:00:00;35.5;112.8;42.5\nA-1;2026-10-14 14:00:10;35.5;112.8;\n",
    )
    columns = Columns(
        time="when",
        lat="y",
        lon="x",
        device="id",
        extras=(("speed_kmh", "v"),),
        separator=";",
        timezone="Asia/Shanghai",
    )
    first, second = positions(Recording((path,), columns))
    assert (first.device_id, first.ts, first.speed_kmh) == ("A-1", 1_791_957_600_000, 42.5)
    assert second.speed_kmh is None


@pytest.mark.parametrize(
    "time", ["1791957600", "1791957600000", "2026-10-14T06:00:00Z", "2026-10-14 14:00:00+0800", "1791957600.0"]
)
def test_times_come_in_many_forms(tmp_path: Path, time: str) -> None:
    path = write(tmp_path, "a.csv", f"id,time,lat,lon\nA,{time},1,2\n")
    assert positions(Recording((path,), PLAIN))[0].ts == 1_791_957_600_000


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("A,2026-10-14T06:00:00Z,north,2", "a.csv, row 3: column 'lat': 'north' is not a number"),
        ("A,2026-10-14T06:00:00,1,2", "a.csv, row 3: column 'time': .* has no time zone"),
        ("A,yesterday,1,2", "a.csv, row 3: column 'time': 'yesterday' is neither ISO 8601"),
        ("A,2026-10-14T06:00:00Z,91,2", "a.csv, row 3: column 'lat': lat: should be a number from -90 to 90"),
        ("A,2026-10-14T06:00:00Z,1", "a.csv, row 3: column 'lon': is missing or empty; the row has: .*lat"),
        ("!,2026-10-14T06:00:00Z,1,2", "a.csv, row 3: column 'device': '!' makes no device id"),
    ],
)
def test_a_bad_row_is_named_with_file_row_column_and_fix_or_skipped_and_counted(
    tmp_path: Path, row: str, message: str
) -> None:
    path = write(tmp_path, "a.csv", f"id,time,lat,lon\nA,2026-10-14T06:00:00Z,1,2\n{row}\nA,2026-10-14T06:00:02Z,1,2\n")
    with pytest.raises(RecordingError, match=message):
        list(Recording((path,), PLAIN))
    skipping = Recording((path,), PLAIN, skip_bad_rows=True)
    assert len(list(skipping)) == 2
    assert len(skipping.findings.skipped) == 1
    assert len(list(skipping)) == 2
    assert len(skipping.findings.skipped) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "x", "cannot read .txt"),
        ("a.gpx", GPX.format(second=""), "track point 2: column 'time': is missing"),
        ("a.gpx", GPX.format(second=HIGH), "track point 2: column 'altitude_m': .* from -500 to 9000 .found 99999"),
        ("a.gpx", "<gpx", "not GPX"),
        ("a.gpx", "<kml/>", "no track points"),
        ("a.json", "{}", "not one array of objects"),
        ("a.json", "[", "is not JSON"),
        ("a.tar.gz", "no archive", "not a tar archive"),
        ("absent.csv", None, "cannot be opened"),
        ("a.ndjson", '{"lat": 1}', "row 1: column 'ts'"),
        ("a.ndjson", "{", "row 1: column '.line.': is not JSON"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(RecordingError, match=message):
        list(Recording((path,), device_id="truck-1"))


def test_odd_names_become_device_ids_and_are_reported(tmp_path: Path) -> None:
    rows = "".join(f"{name},2026-10-14T06:00:00Z,1,2\n" for name in ("TRUCK 7", "E-7", "晋E·D0101", "_x_", "\\x0001"))
    recording = Recording((write(tmp_path, "a.csv", "id,time,lat,lon\n" + rows),), PLAIN)
    assert [device_id for device_id, _ in recording] == ["TRUCK-7", "E-7", "E-D0101", "x", "x0001"]
    assert recording.findings.renamed == {
        "TRUCK 7": "TRUCK-7", "晋E·D0101": "E-D0101", "_x_": "x", "\\x0001": "x0001",
    }  # fmt: skip


def test_two_names_for_one_id_are_an_error(tmp_path: Path) -> None:
    rows = "TRUCK 7,2026-10-14T06:00:00Z,1,2\nTRUCK-7,2026-10-14T06:00:00Z,1,2\n"
    with pytest.raises(RecordingError, match="row 3: column 'device': 'TRUCK-7' and 'TRUCK 7' both become"):
        list(Recording((write(tmp_path, "a.csv", "id,time,lat,lon\n" + rows),), PLAIN))


def test_ndjson_of_any_kind_with_or_without_its_device(tmp_path: Path) -> None:
    own = {"device_id": "bridge-1", "ts": 1_791_957_600_000, "gross_kg": 100.0, "ticket": "t", "direction": "in"}
    path = write(tmp_path, "a.ndjson", json.dumps(own) + "\n\n" + json.dumps(own) + "\n")
    found = list(Recording((path,), kind=Kind.WEIGHING))
    assert [device_id for device_id, _ in found] == ["bridge-1"] * 2
    assert all(isinstance(reading, Weighing) for _, reading in found)


def test_a_folder_and_an_archive_are_read_in_name_order(tmp_path: Path) -> None:
    for second in (3, 1, 2):
        write(tmp_path, f"poll-{second}.csv", f"id,time,lat,lon\nA,{1_791_957_600 + second},1,2\n")
    write(tmp_path, "readme.md", "not a recording")
    archive = tmp_path / "polls.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for path in sorted(tmp_path.glob("poll-*.csv"), reverse=True):
            content = path.read_bytes()
            member = tarfile.TarInfo(f"./{path.name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    for source in (tmp_path, archive):
        assert [p.ts % 10 for p in (replace(q, ts=q.ts // 1000) for q in positions(Recording((source,), PLAIN)))] == [
            1,
            2,
            3,
        ]


@pytest.mark.recording
def test_three_hours_of_polled_garbage_trucks_are_25020_messages(recordings: Path) -> None:
    feed = recordings / "jersey_city_garbage_trucks" / "minute_snapshots_121015_12h-14h_utc.tar.gz"
    columns = Columns(time=4, lat=0, lon=1, device=2, separator="|", header=False, timezone="US/Eastern")
    recording = Recording((feed,), columns)
    found = positions(recording)
    assert len(found) == 25_020
    assert len({(p.device_id, p.ts) for p in found}) == 2_559
    assert len({(p.device_id, p.ts, p.lat, p.lon) for p in found}) == 2_559 + 442
    assert len({p.device_id for p in found}) == 139
    assert recording.findings.renamed == {}
    eastern_is_five_hours_behind = ("101", 1_449_752_603_000)  # 2015-12-10T08:03:23
    assert eastern_is_five_hours_behind in {(p.device_id, p.ts) for p in found}


@pytest.mark.recording
def test_a_whole_day_of_the_same_trucks(recordings: Path) -> None:
    day = recordings / "jersey_city_garbage_trucks" / "all_dedup.csv"
    columns = Columns(time=4, lat=0, lon=1, device=2, separator="|", header=False, timezone="US/Eastern")
    found = positions(Recording((day,), columns))
    assert len(found) == 7_971
    assert len({(p.device_id, p.ts) for p in found}) == 7_349


@pytest.mark.recording
def test_the_munich_drive_at_two_rates_is_one_drive(recordings: Path) -> None:
    columns = Columns(time="time", point="point", device="id")
    folder = recordings / "munich_barefoot"
    dense = positions(Recording((folder / "x0001-001.json",), columns))
    thin = positions(Recording((folder / "x0001-015.json",), columns))
    assert (len(dense), len(thin)) == (1_194, 80)
    assert {p.device_id for p in dense + thin} == {"x0001"}
    at = {p.ts: (p.lat, p.lon) for p in dense}
    assert all(at[p.ts] == (p.lat, p.lon) for p in thin)
    assert 48 < dense[0].lat < 49


@pytest.mark.recording
def test_the_limerick_bus(recordings: Path) -> None:
    track = recordings / "limerick_bus304" / "304_to_UL_2019-02-18_0745.gpx"
    found = positions(Recording((track,), device_id="bus-304"))
    assert len(found) == 2_144
    assert max(b.ts - a.ts for a, b in pairwise(found)) == 138_000
    assert found[0].ts == 1_550_475_950_000


def test_a_file_larger_than_its_bound_is_named(tmp_path: Path) -> None:
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    with pytest.raises(RecordingError, match=r"endless.csv: is larger than 256 MiB: split it, and give the folder"):
        list(Recording((tmp_path / "endless.csv",)))


def archive_of(path: Path, sizes: list[int]) -> Path:
    """A tar archive whose files have these sizes and no content, with holes in place of it."""
    with path.open("wb") as tar:
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo(f"{number}.csv")
            member.size = size
            tar.write(member.tobuf())
            tar.seek(size, io.SEEK_CUR)
        tar.write(bytes(1_024))
    return path


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([257 << 20], r"big.tar:0.csv: is larger than 256 MiB when unpacked: split it"),
        ([256 << 20] * 17, r"big.tar: holds more than 4,096 MiB when unpacked: give several archives"),
        ([0] * 20_001, r"big.tar: holds more than 20,000 files: give several archives"),
    ],
    ids=["one file", "all files", "many files"],
)
def test_an_archive_is_measured_before_it_is_unpacked(tmp_path: Path, sizes: list[int], message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        list(Recording((archive_of(tmp_path / "big.tar", sizes),)))


@pytest.mark.parametrize("name", ["deep.json", "deep.ndjson"])
def test_json_that_is_nested_too_deeply_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordingError, match=f"{name}.*is not JSON"):
        list(Recording((write(tmp_path, name, "[" * 100_000),)))


def test_xml_entities_are_refused(tmp_path: Path) -> None:
    gpx = '<!DOCTYPE gpx [<!ENTITY a "x">]><gpx version="1.1" creator="x"><name>&a;</name></gpx>'
    with pytest.raises(RecordingError, match=r"bomb.gpx: defines XML entities"):
        list(Recording((write(tmp_path, "bomb.gpx", gpx),), device_id="d-1"))
