"""Files that give back what they held some time ago, or other bytes than were written."""

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from haulwatch.settings.data_files import (
    alert_outbox_path,
    judge_state_path,
    publisher_cursors_path,
    recorder_state_path,
    waiting_file_paths,
)
from haulwatch.wiring.log import open_raw_log
from tests.chaos.faults import Fault, Size
from tests.chaos.fleet import Message
from tests.chaos.yard import Complaint, Yard
from tests.spoiled import spoil_pages
from tests.waiting import PATIENCE_S

_OFFSETS: Final = re.compile(r"offsets? (\d+)(?: to (\d+))?:")
_CAUGHT_UP: Final = 2_000
"""Records: so many must lie beyond what recorder and judge have read, so that a spoiled page is one of them."""


def journal_restored(yard: Yard, size: Size) -> None:
    """An administrator restores the journal of some time ago while nothing runs. Judge and publishers notice it: what
    is missing is judged again, and each change is in the journal once.
    """
    journal, backup = yard.folder / "haulwatch.db", yard.folder / "backup.db"
    with closing(sqlite3.connect(journal, timeout=PATIENCE_S)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    saved = yard.journal.last_sequence()
    yard.expect(lambda: yard.journal.last_sequence() > saved + 10, "alerts are raised after the backup", 20)
    with yard.devices_paused():  # so that the judge, with nothing to read, writes a checkpoint that knows of them
        yard.expect(lambda: yard.judged_to() >= yard.last_offset(), "the judge writes a checkpoint", 30)
    yard.rest(0.5, 1.5)
    yard.kill_all()
    yard.journal.close()
    for suffix in ("-wal", "-shm"):
        Path(f"{journal}{suffix}").unlink(missing_ok=True)
    shutil.copy(backup, journal)
    yard.journal_restored = True
    yard.start_all()
    for words in ("judge: the journal lacks a change", "alert publisher: the journal was restored from a backup"):
        _expect_logged(yard, "judge", words)


def caches_spoiled(yard: Yard, size: Size) -> None:
    """Checkpoint, positions of the publishers, and the empty files of what waits, are set aside and made again; no
    alert is lost or judged twice. All four processes are killed, since a process has pages of its own in memory.
    """
    yard.rest(0.5, 1.5)
    yard.kill_all()
    others = [alert_outbox_path(yard.settings), yard.folder / "boards.db", *waiting_file_paths(yard.settings)]
    for path in (judge_state_path(yard.settings), publisher_cursors_path(yard.settings), *others):
        spoil_pages(path, yard.dice, pages=4)
    yard.start_all()
    yard.until_at_work("judge")
    yard.expect(yard.ready, "/readyz says ready", 30)


def recorder_spoiled(yard: Yard, size: Size) -> None:
    """What can be read of ledger and quarantine goes on, the rest is named in the log, and every reading is stored."""
    yard.rest(0.5, 1.5)
    yard.kill_all()
    path = recorder_state_path(yard.settings)
    while _is_sound(path):  # most of its pages are free at any time
        spoil_pages(path, yard.dice, pages=2)
    yard.ledger_spoiled = True
    yard.start_all()
    for words in ("recorder.db is spoiled", "going on after offset"):
        _expect_logged(yard, "record", words)
    yard.until_at_work("record")


def segment_spoiled(yard: Yard, size: Size) -> None:
    """Recorder and judge read around the damage; the records on it are named by their offsets, and only they are lost.

    Both stand still meanwhile, so that they have not read these records before.
    """
    yard.unjudged = range(yard.stream.start_ms, 1 << 62)  # what is lost is not judged
    for name in ("judge", "record"):
        yard.kill(name)
        yard.kills += 1
    offset = yard.last_offset()
    yard.expect(lambda: yard.last_offset() > offset + _CAUGHT_UP, "messages are appended", 20)
    for name in ("collect", "serve"):
        yard.kill(name)
        yard.kills += 1
    with closing(open_raw_log(yard.settings)) as log:
        written: dict[int, Message] = {}
        after = offset
        while records := log.read(after, 5_000):
            written |= {record.offset: Message(record.message.topic, record.message.payload) for record in records}
            after = records[-1].offset
    spoil_pages(yard.log_files()[-1], yard.dice, pages=3)
    lost = _lost_offsets(yard)
    yard.given_up = frozenset(message for at, message in written.items() if any(at in span for span in lost))
    yard.ledger_spoiled = True  # the damage itself is a dead letter
    yard.start_all()
    yard.until_at_work("judge")
    first = f"offsets {lost[0].start}" if len(lost[0]) > 1 else f"offset {lost[0].start}"
    _expect_logged(yard, "judge", first)
    yard.expect(lambda: any(first in detail for detail in _letter_details(yard)), f"a dead letter names {first}", 30)


def _lost_offsets(yard: Yard) -> list[range]:
    """As `haulwatch log verify` names them; exit code 1 says that there are some."""
    done = yard.run("log", "verify", "--json")
    report = json.loads(done.stdout.splitlines()[-1])
    if done.returncode != 1 or not report["damaged"]:
        raise Complaint(f"log verify found nothing: {done.stdout}{done.stderr}")
    named = [_OFFSETS.search(damage) for damage in report["damaged"]]
    return [range(int(found[1]), int(found[2] or found[1]) + 1) for found in named if found]


def _is_sound(path: Path) -> bool:
    try:
        with closing(sqlite3.connect(path)) as db:
            return bool(db.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False


def _letter_details(yard: Yard) -> list[str]:
    with closing(
        sqlite3.connect(f"file:{recorder_state_path(yard.settings)}?mode=ro", uri=True, timeout=PATIENCE_S)
    ) as db:
        return [detail for (detail,) in db.execute("SELECT detail FROM dead_letter")]


def _expect_logged(yard: Yard, name: str, words: str) -> None:
    yard.expect(lambda: words in yard.log(name).read_text(errors="replace"), f"{words!r} in the log of {name}", 30)


CACHES: Final = (
    Fault("journal restored from a backup", journal_restored),
    Fault("pages spoiled in every file that is made again", caches_spoiled),
)
ENDING: Final = (
    Fault("pages of recorder.db spoiled", recorder_spoiled, last=True),
    Fault("pages of the raw log spoiled", segment_spoiled, last=True),
)
