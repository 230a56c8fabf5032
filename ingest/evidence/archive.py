"""The archive of a pack: a ZIP whose bytes follow from its files alone, and whose reader believes nothing.

Files are stored, not compressed, in the order of their names, all of one date: so a pack is written again byte for byte
on any machine, and a changed byte of the archive itself shows as well. Nothing in it can grow when it is read.
"""

import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Final

from ingest.evidence.errors import PackRefused

MAX_PACK_BYTES: Final = 512 << 20
MAX_FILES: Final = 2_000
MAX_JSON_BYTES: Final = 32 << 20
"""Of a file that is read as JSON in one piece: whatever its name is, of those in `judging/`."""
ARCHIVE: Final = "the archive"
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The first that ZIP can hold."""
_UNIX: Final = 3
_MODE: Final = 0o100644
_END: Final = struct.Struct("<4s4H2IH")
_MAX_ENTRY_BYTES: Final = 46 + 512
_CHUNK: Final = 1 << 16
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9_][A-Za-z0-9._-]{0,127}){0,3}")


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files."""
    target = BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(_info(name), files[name])
    return target.getvalue()


def read_archive(content: bytes) -> dict[str, bytes]:
    """The files of an archive that `write_archive` wrote, by name. Raises PackRefused for any other."""
    _check_end(content)
    with _refused(), zipfile.ZipFile(BytesIO(content)) as archive:
        infos = archive.infolist()
        _check(infos, len(content))
        files = {info.filename: archive.read(info) for info in infos}
    again = write_archive(files)
    if again != content:
        raise PackRefused(_changed(again, content, files), "the archive was changed around or in this file")
    return files


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.create_system = _UNIX
    info.external_attr = _MODE << 16
    return info


def _check_end(content: bytes) -> None:
    """Refuse a directory of millions of files before it is read. It is the last of the archive, without a comment."""
    end = content[-_END.size :]
    if len(end) < _END.size or end[:4] != b"PK\x05\x06" or content[-42:-38] == b"PK\x06\x07":
        raise PackRefused(ARCHIVE, "is no ZIP of a pack: its end is not that of one")
    *_, files, size_bytes, _, comment = _END.unpack(end)
    if files > MAX_FILES or size_bytes > MAX_FILES * _MAX_ENTRY_BYTES or comment:
        raise PackRefused(ARCHIVE, f"{files:,} files, a pack has at most {MAX_FILES:,}")


def _check(infos: list[zipfile.ZipInfo], size_bytes: int) -> None:
    if len(infos) > MAX_FILES:
        raise PackRefused(ARCHIVE, f"{len(infos):,} files, a pack has at most {MAX_FILES:,}")
    names = set[str]()
    for info in infos:
        name = info.filename
        if _NAME.fullmatch(name) is None or info.is_dir():
            raise PackRefused(name[:200], "a pack has no file of such a name")
        if name in names:
            raise PackRefused(name, "is twice in the archive")
        if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size or info.flag_bits & 1:
            raise PackRefused(name, "is compressed or encrypted: a pack stores its files as they are")
        if info.external_attr >> 16 != _MODE:
            raise PackRefused(name, "is no plain file")
        names.add(name)
    if sum(info.file_size for info in infos) > size_bytes:
        raise PackRefused(ARCHIVE, "its files overlap")


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except PackRefused:
        raise
    except zipfile.BadZipFile as exc:
        found = re.search(r"'([^']+)'", str(exc))
        raise PackRefused(found[1] if found else ARCHIVE, f"was changed: {exc}") from exc
    except (OSError, ValueError, NotImplementedError, RuntimeError, EOFError, UnicodeError, OverflowError) as exc:
        raise PackRefused(ARCHIVE, f"is no ZIP of a pack: {exc}") from exc


def _changed(again: bytes, content: bytes, files: Mapping[str, bytes]) -> str:
    """The file at which two archives begin to differ."""
    chunk = next(n for n in range(0, len(again) + 1, _CHUNK) if again[n : n + _CHUNK] != content[n : n + _CHUNK])
    pairs = zip(again[chunk : chunk + _CHUNK], content[chunk : chunk + _CHUNK], strict=False)
    at = chunk + next((n for n, (one, other) in enumerate(pairs) if one != other), 0)
    with zipfile.ZipFile(BytesIO(again)) as archive:
        before = [info.filename for info in archive.infolist() if info.header_offset <= at < archive.start_dir]
    return before[-1] if before else ARCHIVE
