"""What stands behind the API: the read sides of every part, and the questions of /readyz."""

import time
from collections.abc import Callable
from contextlib import closing
from threading import Lock
from typing import Final, TypeVar

from api.ports import ApiOptions, ApiParts
from devices.city.model import City
from haulwatch import __version__, wiring
from haulwatch.health import path_status, readiness
from haulwatch.settings.load import Settings
from ingest.ledger.dead_letters import DeadLetters
from ingest.mqtt.broker_statistics import BrokerCounters
from ingest.store.influx import InfluxStore
from ingest.store.sqlite import SqliteStore
from rules.alerts.journal import AlertJournal
from rules.catalogue import corridor_m, silent_after_s

_REMEMBER_S: Final = 1.0
"""Every open console asks for the ledger every few seconds."""
_REST: Final = 10.0
"""Times as long as it took: of 100,000 devices the ledger takes two seconds of a processor that others need."""

_T = TypeVar("_T")


def api_options(settings: Settings) -> ApiOptions:
    token, read_token = settings.api.token, settings.api.read_token
    return ApiOptions(
        version=__version__,
        token=token.get_secret_value() if token else None,
        read_token=read_token.get_secret_value() if read_token else None,
        origins=tuple(settings.api.origins.split()),
        public_map=settings.api.public_map == "on",
    )


def api_parts(
    settings: Settings,
    city: Callable[[], City],
    store: InfluxStore | SqliteStore,
    journal: AlertJournal,
    broker: Callable[[], BrokerCounters | None] = lambda: None,
) -> ApiParts:
    """`broker` gives the broker's own counters, None where nobody watches them."""
    letters = DeadLetters(wiring.recorder_state_path(settings))

    def redrive(letter_id: int) -> int:
        with closing(wiring.raw_log(settings)) as log:
            return letters.redrive(letter_id, log, wiring.now_ms())

    rules = wiring.rules(settings)
    return ApiParts(
        city=city,
        history=store,
        journal=journal,
        commands=wiring.command_book(settings),
        ledger=remembered(lambda: wiring.read_ledger(settings)),
        dead_letters=letters,
        redrive=redrive,
        lag=lambda: path_status.lag(settings),
        collector=lambda: path_status.collector_status(settings),
        recorder=lambda: path_status.recorder_status(settings),
        alive=lambda: path_status.alive(settings),
        disk=lambda: path_status.disk(settings),
        broker=broker,
        corridor_m=corridor_m(rules),
        silent_after_s=silent_after_s(rules),
        checks=readiness.checks(settings, store, broker),
    )


def remembered(read: Callable[[], _T], monotonic: Callable[[], float] = time.monotonic) -> Callable[[], _T]:
    """Give the last answer for a second, or ten times as long as its reading took; whoever asks meanwhile, from any
    thread, waits for one reading.
    """
    reading, answers = Lock(), list[tuple[float, _T]]()
    """When it is to be read again, and the answer until then."""

    def answer() -> _T:
        with reading:
            began = monotonic()
            if not answers or began >= answers[0][0]:
                answers.clear()
                found = read()
                read_at = monotonic()
                answers.append((read_at + max(_REMEMBER_S, _REST * (read_at - began)), found))
            return answers[0][1]

    return answer
