"""Reads recordings: GPX, CSV and NDJSON files, JSON arrays, folders and archives of them.

RecordingError    the recording cannot be read as described; names file, row, column and the fix

Every reader gives `(device id, Reading)` pairs in file and row order, lazily, and the same again when asked again.
"""

import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import gpxpy
import gpxpy.gpx
from msgspec.structs import replace

from devices.bounded_files import MIB, UnboundedFile, read_bounded
from devices.errors import OperatorError
from devices.readings.ids import DEVICE_ID_PATTERN, RESERVED_IDS
from devices.readings.models import Kind, Reading
from simulators.recordings.rows import (
    Columns,
    RowError,
    checked_position,
    position_of_row,
    reading_of_line,
    rows_of_csv,
    rows_of_json,
)

MAX_FILE_BYTES: Final = 256 * MIB
"""A file is in memory whole: two million positions, a day of a fleet of 250 trucks."""
MAX_UNPACKED_BYTES: Final = 4_096 * MIB
MAX_MEMBERS: Final = 20_000
"""Of one archive: those of Rome's taxis hold a few hundred files."""
_DEVICE_ID: Final = re.compile(DEVICE_ID_PATTERN)
_FOREIGN_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_.-]+")
_SUFFIXES: Final = (".gpx", ".csv", ".ndjson", ".jsonl", ".json")


class RecordingError(OperatorError):
    """The recording cannot be read; the message names file, row and column, and says how to fix it."""


@dataclass
class Findings:
    """Counts and remarks of one reading of a recording. They grow as it is read."""

    readings: int = 0
    skipped: list[str] = field(default_factory=list)
    """One line for each bad row that was skipped."""
    renamed: dict[str, str] = field(default_factory=dict)
    """Device names that are not device ids, and the ids they got."""

    def clear(self) -> None:
        self.readings = 0
        self.skipped.clear()
        self.renamed.clear()


class DeviceNames:
    r"""Makes device ids from recorded names.

    A name that is a device id already stays as it is. Otherwise each run of other characters becomes one `-`, and
    `_`, `.` and `-` at the ends are then dropped: `\x0001` is `x0001`, `TRUCK 7` is `TRUCK-7`. Two names that
    would get one id are an error, because their tracks would be mixed.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._names: dict[str, str] = {}

    def id_of(self, name: str) -> str:
        """Raises RowError."""
        valid = _DEVICE_ID.fullmatch(name) is not None and name not in RESERVED_IDS
        device_id = name if valid else _FOREIGN_CHARACTERS.sub("-", name).strip("_.-")[:64]
        if not _DEVICE_ID.fullmatch(device_id) or device_id in RESERVED_IDS:
            raise RowError("device", f"{name!r} makes no device id: name the device with a fixed one")
        if self._names.setdefault(device_id, name) != name:
            raise RowError("device", f"{name!r} and {self._names[device_id]!r} both become {device_id!r}: rename one")
        if device_id != name:
            self._findings.renamed[name] = device_id
        return device_id


@dataclass(frozen=True)
class Recording:
    """A file, a folder, a .tar.gz of files, or a list of these, and how to read them.

    Files of a folder or an archive are read in name order; the suffix says the format: .gpx, .csv, .ndjson or .jsonl
    (native payloads), .json (one array of objects, read like CSV rows). Iterating again reads again.
    """

    sources: tuple[Path, ...]
    columns: Columns = field(default_factory=Columns)
    """For CSV and JSON arrays."""
    device_id: str | None = None
    """For recordings that do not name their device; overrides a device column."""
    kind: Kind = Kind.POSITION
    """Kind of the readings, for NDJSON."""
    skip_bad_rows: bool = False
    """Skip and count bad rows, instead of stopping at the first."""
    findings: Findings = field(default_factory=Findings, compare=False)

    def __iter__(self) -> Iterator[tuple[str, Reading]]:
        """(device id, reading) in order. Raises RecordingError."""
        self.findings.clear()
        names = DeviceNames(self.findings)
        for source in self.sources:
            for name, content in _files(source):
                for where, read in self._rows(name, content):
                    try:
                        pair = read(names)
                    except RowError as exc:
                        self._bad_row(f"{name}, {where}: {exc}")
                    else:
                        self.findings.readings += 1
                        yield pair

    def _bad_row(self, complaint: str) -> None:
        if not self.skip_bad_rows:
            raise RecordingError(f"{complaint} (or skip bad rows)")
        self.findings.skipped.append(complaint)

    def _rows(self, name: str, content: bytes) -> Iterator[tuple[str, "_ReadRow"]]:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as exc:
            raise RecordingError(f"{name}: not UTF-8 at byte {exc.start}: convert the file to UTF-8") from exc
        match Path(name).suffix.lower():
            case ".gpx":
                return self._gpx_rows(name, text)
            case ".csv":
                return self._table_rows(name, lambda: rows_of_csv(text, self.columns))
            case ".json":
                return self._table_rows(name, lambda: rows_of_json(text))
            case ".ndjson" | ".jsonl":
                return self._payload_rows(text)
            case suffix:
                raise RecordingError(f"{name}: cannot read {suffix or 'a file without suffix'}; {', '.join(_SUFFIXES)}")

    def _table_rows(
        self, name: str, rows: Callable[[], Iterable[tuple[int, dict[str | int, object]]]]
    ) -> Iterator[tuple[str, "_ReadRow"]]:
        try:
            for number, row in rows():
                yield f"row {number}", lambda names, row=row: self._position(row, names)  # type: ignore[misc]
        except RowError as exc:
            raise RecordingError(f"{name}: {exc}") from exc

    def _position(self, row: dict[str | int, object], names: DeviceNames) -> tuple[str, Reading]:
        device, position = position_of_row(row, self.columns, self.device_id)
        device_id = names.id_of(device)
        return device_id, replace(position, device_id=device_id)

    def _payload_rows(self, text: str) -> Iterator[tuple[str, "_ReadRow"]]:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                yield (
                    f"row {number}",
                    lambda names, line=line: reading_of_line(line, self.kind, self.device_id, names.id_of),  # type: ignore[misc]
                )

    def _gpx_rows(self, name: str, text: str) -> Iterator[tuple[str, "_ReadRow"]]:
        if self.device_id is None:
            raise RecordingError(f"{name}: GPX names no device: give a device id")
        if "<!ENTITY" in text:
            raise RecordingError(f"{name}: defines XML entities, which no recorder writes: remove them")
        try:
            tracks = gpxpy.parse(text).tracks
        except gpxpy.gpx.GPXException as exc:
            raise RecordingError(f"{name}: not GPX: {exc}") from exc
        points = [point for track in tracks for segment in track.segments for point in segment.points]
        if not points:
            raise RecordingError(f"{name}: holds no track points: export the recording as a track, not as a route")
        for number, point in enumerate(points, 1):
            yield f"track point {number}", lambda names, point=point: self._gpx_position(point, names)  # type: ignore[misc]

    def _gpx_position(self, point: "gpxpy.gpx.GPXTrackPoint", names: DeviceNames) -> tuple[str, Reading]:
        if point.time is None:
            raise RowError("time", "is missing: record the track with times")
        if point.time.tzinfo is None:
            raise RowError("time", "has no time zone: GPX times are UTC and end in Z")
        device_id = names.id_of(self.device_id or "")
        ts = round(point.time.timestamp() * 1000)
        altitude_m = None if point.elevation is None else float(point.elevation)
        place = {"lat": float(point.latitude), "lon": float(point.longitude), "altitude_m": altitude_m}
        return device_id, checked_position({"ts": ts, **place}, device_id)


_ReadRow = Callable[[DeviceNames], tuple[str, Reading]]


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """(name, content) in name order."""
    try:
        if source.is_dir():
            for path in sorted(source.iterdir()):
                if path.suffix.lower() in _SUFFIXES:
                    yield path.name, _bounded(path)
        elif source.name.endswith((".tar.gz", ".tgz", ".tar")):
            yield from _archived(source)
        else:
            yield source.name, _bounded(source)
    except OSError as exc:
        raise RecordingError(f"{source}: cannot be opened: {exc.strerror or exc}") from exc


def _bounded(path: Path) -> bytes:
    """Raises RecordingError, OSError."""
    try:
        return read_bounded(path, MAX_FILE_BYTES, "split it, and give the folder of its parts")
    except UnboundedFile as exc:
        raise RecordingError(f"{path}: {exc}") from exc


def _members(archive: tarfile.TarFile, source: Path) -> list[tarfile.TarInfo]:
    """The files of an archive. What it holds is bounded before it is unpacked. Raises RecordingError, TarError."""
    found: list[tarfile.TarInfo] = []
    unpacked = 0
    for number, member in enumerate(archive, 1):
        unpacked += member.size
        if number > MAX_MEMBERS:
            raise RecordingError(f"{source}: holds more than {MAX_MEMBERS:,} files: give several archives")
        if member.size > MAX_FILE_BYTES:
            large = f"{source}:{member.name}: is larger than {MAX_FILE_BYTES // MIB} MiB when unpacked: split it"
            raise RecordingError(large)
        if unpacked > MAX_UNPACKED_BYTES:
            many = f"{source}: holds more than {MAX_UNPACKED_BYTES // MIB:,} MiB when unpacked: give several archives"
            raise RecordingError(many)
        if member.isfile():
            found.append(member)
    return found


def _archived(source: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(source) as archive:
            for member in sorted(_members(archive, source), key=lambda member: member.name):
                content = archive.extractfile(member)
                if content is not None and Path(member.name).suffix.lower() in _SUFFIXES:
                    yield f"{source.name}:{member.name}", content.read()
    except (tarfile.TarError, EOFError, zlib.error) as exc:
        raise RecordingError(f"{source}: not a tar archive: {exc}") from exc
