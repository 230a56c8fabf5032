"""Runs the recorder until the process stops: steps, pauses when there is little to do, and back-off after errors."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple

from ingest.ledger.state.port import StateFenced, StateSpoiled, StateUnavailable, StateUncertain
from ingest.log.raw_log import RawLogError
from ingest.process.backoff import Backoff
from ingest.process.pause import pause
from ingest.recorder.recorder import Recorder
from ingest.store import StoreMisconfigured, StoreUnavailable

_IDLE_S: Final = 0.05
_GATHER_S: Final = 0.2
"""Live, the recorder waits so long for more after a small batch: each costs two syncs and a request, however small."""
_LARGE_BATCH_RECORDS: Final = 2_500
"""A batch of so many is written while the next is committed, without a pause."""
_FIRST_RETRY_S: Final = 0.5
_MAX_RETRY_S: Final = 30.0

_log = logging.getLogger(__name__)


class Pace(NamedTuple):
    """How long a recorder waits for more, seconds."""

    idle_s: float = _IDLE_S
    """Where there was nothing."""
    gather_s: float = _GATHER_S
    """After a small batch."""


async def run_recorder(
    recorder: Recorder,
    stop: asyncio.Event,
    *,
    clock: Callable[[], int],
    backoff: Backoff | None = None,
    pace: Pace = Pace(),  # noqa: B008 - immutable
) -> None:
    """Record until `stop` is set, through any outage. `clock` returns ms since 1970 UTC, to show to people.

    What is committed when `stop` is set is written first, unless the store is away; then it waits in the outbox.
    Raises StateSpoiled, which only the next process mends, StateFenced and StateUncertain.
    """
    backoff = backoff or Backoff(_FIRST_RETRY_S, _MAX_RETRY_S)
    trouble_since = 0
    recorder.report_trouble(None, None)
    while not stop.is_set():
        try:
            records = await recorder.step()
            if backoff.failures:
                _log.info("recorder: recording again after %d failed attempts", backoff.failures)
                recorder.report_trouble(None, None)
                backoff.reset()
                trouble_since = 0
            if 0 < records < _LARGE_BATCH_RECORDS:
                await recorder.finish()  # no next batch is ready to be committed meanwhile
        except StateSpoiled as exc:
            _log.error("recorder: the process ends, its next start saves what can be read of its file: %s", exc)
            raise
        except (StateFenced, StateUncertain):
            raise
        except (StoreUnavailable, StateUnavailable, RawLogError) as exc:
            pause_s = backoff.next_pause_s(getattr(exc, "retry_after", None))
            trouble_since = trouble_since or clock()
            level = logging.ERROR if isinstance(exc, StoreMisconfigured) else logging.WARNING
            _log.log(level, "recorder: attempt %d failed, trying again in %.1f s: %s", backoff.failures, pause_s, exc)
            recorder.report_trouble(str(exc), trouble_since)
            await pause(stop, pause_s)
            continue
        if records < _LARGE_BATCH_RECORDS:
            await pause(stop, pace.gather_s if records else pace.idle_s)
    if not backoff.failures:
        with suppress(StoreUnavailable, StateUnavailable, RawLogError):
            await recorder.finish()
