"""Spoiled files of one process, as the others read them: the API must not end with the judge's file."""

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingest.alerts.cursors import PublisherCursors, read_refused
from ingest.alerts.outbox import AlertOutbox, read_waiting
from ingest.collector import waiting_file
from ingest.judge.not_judged import read_not_judged
from ingest.ledger.rejections import read_rejections
from ingest.ledger.state_file import StateFile
from ingest.log.records import RawMessage
from tests.ingest.alerts.test_outbox import Database, story
from tests.ingest.judge.saving import save_not_judged
from tests.spoiled import spoil_pages


def judge_file(path: Path) -> None:
    save_not_judged(path, {f"T{n}": {"no_time": 3} if n == 1 else {} for n in range(50)})


def cursor_file(path: Path) -> None:
    with closing(PublisherCursors(path)) as cursors:
        cursors.set("mqtt", 5)


def outbox_file(path: Path) -> None:
    database = Database()
    database.away = True
    with closing(AlertOutbox(path, database)) as outbox:
        outbox.record(story(), 5)


def file_of_waiting_messages(path: Path) -> None:
    with closing(waiting_file.WaitingFile(path)) as waiting:
        waiting.add([("T1", RawMessage("haulwatch/v1/T1/status", b"{}", 1))])


def recorder_file(path: Path) -> None:
    with closing(StateFile(path)):
        pass


@pytest.mark.parametrize(
    ("make", "read"),
    [
        (judge_file, read_not_judged),
        (cursor_file, read_refused),
        (outbox_file, read_waiting),
        (file_of_waiting_messages, lambda path: waiting_file.read_waiting([path])),
        (recorder_file, read_rejections),
    ],
)
def test_another_process_reads_nothing_and_goes_on(
    tmp_path: Path, make: Callable[[Path], None], read: Callable[[Path], Any]
) -> None:
    for seed, pages in enumerate((1, 1, 1, 1, 10_000)):
        path = tmp_path / f"{seed}.db"
        make(path)
        spoil_pages(path, random.Random(seed), pages=pages)
        read(path)
    assert not any(read(path) if isinstance(read(path), dict) else read(path)[:1])
