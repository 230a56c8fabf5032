"""The files of attachments: one for each content, named by its SHA-256, readable by this process's user only.

    attachments/2c/2cf24d…        the bytes as they came
    attachments/thumbnails/…jpg   small pictures without metadata, made again where they are missing
    attachments/incoming/…        what is being received
    attachments/aside/…           files without a row, for 30 days
    attachments/lock              held while a file and its row come or go

A file is whole or not there: it is written beside, synced to disk and renamed. Its row is written after it, so that a
crash leaves a file without a row, never the reverse; `sweep` finds it.
"""

import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from rules.attachments.model import AttachmentRefused, NoRoom, SpoiledAttachment

_PRIVATE: Final = 0o600
_PRIVATE_FOLDER: Final = 0o700
_CHUNK: Final = 1 << 20
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_INCOMING: Final = "incoming"
_THUMBNAILS: Final = "thumbnails"
RECEIVING_S: Final = 3_600.0
"""What is older than this and still incoming is of a process that died: an upload takes minutes at most."""
ASIDE_S: Final = 30 * 86_400.0
"""So long a file without a row stays aside: time to see that an older database was restored."""


class Incoming:
    """A file that is being received. For one thread at a time; `discard` or `AttachmentFiles.keep` ends it."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path, self._max_bytes = path, max_bytes
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _PRIVATE), "w+b")
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Raises AttachmentRefused beyond the limit, NoRoom."""
        self.size_bytes += len(chunk)
        if self.size_bytes > self._max_bytes:
            raise AttachmentRefused("body", too_large(self._max_bytes))
        self._hash.update(chunk)
        try:
            self._file.write(chunk)
        except OSError as exc:
            raise NoRoom(f"the file cannot be written: {exc.strerror}: free disk space") from exc

    def reader(self) -> BinaryIO:
        """The file from its beginning."""
        try:
            self._file.flush()
        except OSError as exc:
            raise NoRoom(f"the file cannot be written: {exc.strerror}: free disk space") from exc
        self._file.seek(0)
        return self._file

    def sync(self) -> None:
        """Bring it to disk, and close it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        """Remove it, unless it was kept."""
        with suppress(OSError):
            self._file.close()
        self.path.unlink(missing_ok=True)


def too_large(max_bytes: int) -> str:
    return f"a file may have at most {max_bytes / (1 << 20):.0f} MiB: send a smaller one"


class AttachmentFiles:
    """All files of one data directory. Any thread, and several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def receive(self, max_bytes: int) -> Incoming:
        """Raises NoRoom."""
        try:
            folder = self._folder(_INCOMING)
            return Incoming(folder / secrets.token_hex(16), max_bytes)
        except OSError as exc:
            raise NoRoom(f"{self.folder}: cannot be written: {exc.strerror}: free disk space") from exc

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the folder: a file and its row change together. Raises NoRoom."""
        try:
            self._folder()
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, _PRIVATE)
        except OSError as exc:
            raise NoRoom(f"{self.folder}: cannot be written: {exc.strerror}: free disk space") from exc
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def keep(self, incoming: Incoming) -> None:
        """Let it be the file of its SHA-256, durable on return. Under the lock. Raises NoRoom."""
        target = self._path(incoming.sha256)
        try:
            folder = self._folder(target.parent.name)
            incoming.sync()
            incoming.path.replace(target)
            _sync_folder(folder)
            _sync_folder(self.folder)
        except OSError as exc:
            raise NoRoom(f"the file cannot be kept: {exc.strerror}: free disk space") from exc

    def open(self, sha256: str, name: str) -> BinaryIO:
        """The file, once its bytes are those that were attached. The caller closes it. Raises SpoiledAttachment."""
        try:
            file = self._path(sha256).open("rb")
        except OSError as exc:
            raise SpoiledAttachment(name, f"is missing on disk ({exc.strerror})") from exc
        try:
            found = hashlib.sha256()
            while chunk := file.read(_CHUNK):
                found.update(chunk)
            file.seek(0)
        except OSError as exc:
            file.close()
            raise SpoiledAttachment(name, f"cannot be read from disk ({exc.strerror})") from exc
        if found.hexdigest() != sha256:
            file.close()
            raise SpoiledAttachment(name, "was changed on disk since it was attached")
        return file

    def size_of(self, sha256: str) -> int | None:
        """Bytes on disk; None: it is missing."""
        try:
            return self._path(sha256).stat().st_size
        except OSError:
            return None

    def remove(self, sha256: str) -> None:
        """Remove a file and its thumbnail. Under the lock."""
        self._path(sha256).unlink(missing_ok=True)
        self._thumbnail(sha256).unlink(missing_ok=True)

    def thumbnail(self, sha256: str) -> bytes | None:
        """None: it was not made yet."""
        try:
            return self._thumbnail(sha256).read_bytes()
        except OSError:
            return None

    def keep_thumbnail(self, sha256: str, content: bytes) -> None:
        """Not synced, since it can be made again; without room there is none."""
        with suppress(OSError):
            self._folder(_THUMBNAILS)
            draft = self._thumbnail(sha256).with_suffix(f".{secrets.token_hex(4)}")
            draft.touch(_PRIVATE)
            draft.write_bytes(content)
            draft.replace(self._thumbnail(sha256))

    def sweep(self, present: Collection[str], removed: Collection[str], now_s: Callable[[], float] = time.time) -> int:
        """Remove what processes left that died. Under the lock; returns how many files it moved or removed.

        `present`, `removed`: the SHA-256 of attachments that are there, and of those whose bytes are to be gone. A file
        of neither is put aside for `ASIDE_S`, since the database may be an older one, from a backup.
        """
        swept = 0
        for path in list(self.folder.glob("*/*")):
            sha256 = path.name.partition(".")[0]
            with suppress(OSError):
                age_s = now_s() - path.stat().st_mtime
                match path.parent.name:
                    case "incoming":
                        is_left = age_s > RECEIVING_S
                    case "aside":
                        is_left = age_s > ASIDE_S
                    case _:
                        is_left = sha256 not in present
                if not is_left:
                    continue
                swept += 1
                if path.parent.name != sha256[:2] or sha256 in removed:
                    path.unlink()
                else:
                    os.utime(path)
                    path.replace(self._folder("aside") / sha256)
        return swept

    def _path(self, sha256: str) -> Path:
        if _SHA256.fullmatch(sha256) is None:
            raise ValueError(f"{sha256!r} is no SHA-256")
        return self.folder / sha256[:2] / sha256

    def _thumbnail(self, sha256: str) -> Path:
        return self.folder / _THUMBNAILS / f"{self._path(sha256).name}.jpg"

    def _folder(self, name: str = "") -> Path:
        """Make it where it is not there, for this user only."""
        self.folder.mkdir(_PRIVATE_FOLDER, parents=True, exist_ok=True)
        folder = self.folder / name
        folder.mkdir(_PRIVATE_FOLDER, exist_ok=True)
        return folder


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
