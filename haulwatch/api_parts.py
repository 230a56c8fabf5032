"""What stands behind the API: the read sides of every part, and the questions of /readyz.

Anybody may ask /readyz: it tells the kind of trouble. Addresses, paths and what others have said stay in the logs.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from threading import Lock
from typing import Final, TypeVar

from api.ports import ApiOptions, ApiParts, Check, Lag, Verdict
from devices.city import City
from haulwatch import __version__, wiring
from haulwatch.settings import Settings
from ingest import judge, recorder
from ingest.collector import CollectorStatus
from ingest.collector import read_status as read_collector_status
from ingest.dead_letters import DeadLetters
from ingest.ledger import RecorderStatus
from ingest.ledger import read_status as read_recorder_status
from ingest.raw_log import RawLog, RawLogCorrupt
from ingest.store import StoreMisconfigured, StoreUnavailable
from ingest.store.influx import InfluxStore
from ingest.store.sqlite import SqliteStore
from rules.journal import AlertJournal

_STALE_MS: Final = 15_000
"""The collector speaks every second; one that is silent this long is not there."""
_BACKLOG: Final = 100_000
"""Messages: five seconds of the fastest ingestion; a consumer that far behind is not keeping up."""
_REMEMBER_S: Final = 1.0
"""Every open console asks for the ledger every few seconds."""

_T = TypeVar("_T")

_log = logging.getLogger(__name__)


def api_options(settings: Settings) -> ApiOptions:
    token, read_token = settings.api.token, settings.api.read_token
    return ApiOptions(
        version=__version__,
        token=token.get_secret_value() if token else None,
        read_token=read_token.get_secret_value() if read_token else None,
    )


def api_parts(
    settings: Settings, city: Callable[[], City], store: InfluxStore | SqliteStore, journal: AlertJournal
) -> ApiParts:
    letters = DeadLetters(wiring.recorder_state_path(settings))

    def redrive(letter_id: int) -> int:
        with closing(wiring.raw_log(settings)) as log:
            return letters.redrive(letter_id, log, wiring.now_ms())

    return ApiParts(
        city=city,
        history=store,
        journal=journal,
        ledger=remembered(lambda: wiring.read_ledger(settings)),
        dead_letters=letters,
        redrive=redrive,
        lag=lambda: _lag(settings),
        collector=lambda: _collector_status(settings),
        recorder=lambda: _recorder_status(settings),
        checks=(
            Check("store", lambda: _pinged(store)),
            Check("journal", lambda: _asked(lambda: _journal(journal))),
            Check("collector", lambda: _asked(lambda: _collector(settings))),
            Check("recorder", lambda: _asked(lambda: _recorder(settings))),
            Check("judge", lambda: _asked(lambda: _judge(settings))),
        ),
    )


def remembered(read: Callable[[], _T], monotonic: Callable[[], float] = time.monotonic) -> Callable[[], _T]:
    """Give the last answer for a second; whoever asks meanwhile, from any thread, waits for one reading."""
    reading, answers = Lock(), list[tuple[float, _T]]()

    def answer() -> _T:
        with reading:
            if not answers or monotonic() - answers[0][0] >= _REMEMBER_S:
                answers.clear()
                found = read()
                answers.append((monotonic(), found))
            return answers[0][1]

    return answer


async def _asked(question: Callable[[], Verdict]) -> Verdict:
    return await asyncio.to_thread(question)


async def _pinged(store: InfluxStore | SqliteStore) -> Verdict:
    try:
        return Verdict(True, await store.ping())
    except StoreMisconfigured as exc:
        _log.warning("the store refuses us: %s", exc)
        return Verdict(False, "refuses what it is asked: see the log, or `haulwatch doctor`")
    except StoreUnavailable as exc:
        _log.warning("the store does not answer: %s", exc)
        return Verdict(False, "does not answer: see the log, or `haulwatch doctor`")


def _journal(journal: AlertJournal) -> Verdict:
    return Verdict(True, f"{journal.last_no()} changes")


def _collector(settings: Settings) -> Verdict:
    status = _collector_status(settings)
    if status is None:
        return Verdict(False, "the collector does not run: start `haulwatch collect`")
    if status.disk_full:
        return Verdict(False, "the raw log takes nothing, so nothing is acknowledged: free disk space")
    if not status.connected:
        return Verdict(False, "not connected to the broker: see its log, or `haulwatch doctor`")
    return Verdict(True, f"connected, MQTT {status.protocol}")


def _recorder(settings: Settings) -> Verdict:
    status = _recorder_status(settings)
    if status.trouble is not None:
        waited_s = (wiring.now_ms() - (status.trouble_since or wiring.now_ms())) // 1000
        return Verdict(False, f"has waited for {waited_s} s for store or disk: see its log, or `haulwatch doctor`")
    return _behind(status.backlog)


def _judge(settings: Settings) -> Verdict:
    return _behind(_lag(settings)[judge.CONSUMER].messages)


def _behind(backlog: int) -> Verdict:
    return Verdict(backlog <= _BACKLOG, f"{backlog:,} messages to read")


def _collector_status(settings: Settings) -> CollectorStatus | None:
    status = read_collector_status(wiring.collector_status_path(settings))
    return None if status is None or abs(wiring.now_ms() - status.at) > _STALE_MS else status


def _recorder_status(settings: Settings) -> RecorderStatus:
    with closing(wiring.raw_log(settings)) as log:
        return read_recorder_status(wiring.recorder_state_path(settings), log)


def _lag(settings: Settings) -> Mapping[str, Lag]:
    with closing(wiring.raw_log(settings)) as log:
        last, read = log.last_offset(), log.committed()
        return {name: _behind_by(log, last, read.get(name, 0)) for name in (recorder.CONSUMER, judge.CONSUMER)}


def _behind_by(log: RawLog, last: int, read: int) -> Lag:
    if read >= last:
        return Lag(0, 0.0)
    with suppress(RawLogCorrupt):
        for record in log.read(read, 1):
            return Lag(last - read, max(0.0, (wiring.now_ms() - record.message.received_at) / 1000))
    return Lag(last - read, None)
