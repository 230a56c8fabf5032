"""A store that is away, slow, overloaded, or refuses single points."""

import json
import time
from functools import partial
from typing import Final

from devices.readings.models import Kind, Weighing
from devices.readings.refusals import Reason
from haulwatch.settings.data_files import recorder_state_path
from ingest.ledger.dead_letters import DeadLetters
from tests.chaos.faults import Fault, Size
from tests.chaos.fleet import message
from tests.chaos.yard import Complaint, Yard
from tests.servers import HTTP
from tests.servers.proxy import ProxyMode

_WRITERS: Final = 3
"""Recorder, alert publisher (in the judge) and board feed (in the API) write, each with its own back-off."""
_WEIGHBRIDGE: Final = "weighbridge-01"


def away(yard: Yard, size: Size) -> None:
    """The recorder reports it and keeps trying; judgement continues; afterwards everything is written."""
    yard.servers.influx.stop()
    try:
        _recorder_waits(yard, "502")
        _judgement_continues(yard, size.outage_s)
    finally:
        yard.servers.influx.start()


def slow(yard: Yard, size: Size) -> None:
    """The recorder falls behind, the judge does not."""
    with yard.servers.proxy.in_mode(ProxyMode(delay_s=1.0)):
        yard.expect(lambda: yard.recorder().backlog > 0, "the recorder falls behind", 15)
        _judgement_continues(yard, size.outage_s)


def unauthorised(yard: Yard, size: Size) -> None:
    """The recorder reports the status, keeps everything, and continues when the token is right."""
    with yard.servers.proxy.in_mode(ProxyMode(status=401)):
        _recorder_waits(yard, "401")
        _judgement_continues(yard, size.outage_s)


def overloaded(status: int, yard: Yard, size: Size) -> None:
    """The store is not asked again before Retry-After is over."""
    pause_s = max(2, round(size.outage_s / 2))
    mode = ProxyMode(status=status, headers={"Retry-After": str(pause_s)}, writes_over=0)
    with yard.servers.proxy.in_mode(mode):
        yard.expect(lambda: yard.servers.proxy.refused > 0, "a write is refused", 10)
        began = time.monotonic()
        _recorder_waits(yard, str(status))
        _judgement_continues(yard, size.outage_s)
        # One request at first and one after each pause; the first may be a second older than its count here.
        allowed = _WRITERS * (1 + (time.monotonic() - began + 1) // pause_s)
        refused = yard.servers.proxy.refused
    if refused > allowed:
        raise Complaint(f"asked {refused} times, though Retry-After was {pause_s} s each time")


def too_large(yard: Yard, size: Size) -> None:
    """A refused write is halved until it is accepted; nothing is quarantined for it."""
    letters = DeadLetters(recorder_state_path(yard.settings))
    before = letters.list(reason=Reason.REJECTED_BY_STORE)
    with yard.servers.proxy.in_mode(ProxyMode(status=413, writes_over=700)):
        yard.rest(size.outage_s, size.outage_s)
        yard.expect(lambda: yard.servers.proxy.refused > 0, "a write is too large", 10)
    if letters.list(reason=Reason.REJECTED_BY_STORE) != before:
        raise Complaint("a reading was quarantined because its write was too large")


def type_conflict(yard: Yard, size: Size) -> None:
    """The rejected point is found and quarantined with its bytes; the other points of the write are stored.

    Another writer has stored `gross_kg` as text, so InfluxDB rejects our number.
    """
    ts = yard.stream.start_ms
    params = {"db": yard.database, "precision": "ms"}
    url = f"{yard.servers.influx.url}/write"
    HTTP.post(url, params=params, content=f'weighing,device=someone gross_kg="heavy" {ts}').raise_for_status()
    letters_before = len(yard.letters_after(0))
    weighings = [
        Weighing(device_id=_WEIGHBRIDGE, ts=ts + 1000 * number, gross_kg=31_000.0, ticket=f"{number}", direction="in")
        for number in range(3)
    ]
    for weighing in weighings:
        yard.rest(0.2, 0.6)
        yard.stream.publish([message(weighing)])
    sent = {message(weighing).payload for weighing in weighings}
    quarantined = lambda: sent <= {payload for _, _, payload in yard.letters_after(0)[letters_before:]}  # noqa: E731
    yard.expect(quarantined, "the weighings are quarantined with their bytes", 30)
    HTTP.post(f"{yard.servers.influx.url}/query", params={"db": yard.database, "q": 'DROP MEASUREMENT "weighing"'})


def lost_and_refilled(yard: Yard, size: Size) -> None:
    """All readings are dropped while the recorder writes; `haulwatch store refill` brings them back beside it."""
    yard.rest(1.0, 2.0)
    for kind in (Kind.POSITION, Kind.FILL):
        drop = {"db": yard.database, "q": f'DROP MEASUREMENT "{kind}"'}
        HTTP.post(f"{yard.servers.influx.url}/query", params=drop).raise_for_status()
    yard.rest(0.5, 1.5)
    done = yard.hand("store", "refill", "--json")
    if done.returncode != 0 or json.loads(done.stdout)["readings_written"] == 0:
        raise Complaint(f"store refill ended with {done.returncode}: {done.stdout}{done.stderr}")


def _recorder_waits(yard: Yard, words: str) -> None:
    yard.expect(lambda: words in (yard.recorder().trouble or ""), f"the recorder reports {words}", 15)
    yard.expect_unready("recorder", "wait", 10)


def _judgement_continues(yard: Yard, seconds: float) -> None:
    """Each slice of the stream raises alerts."""
    before = yard.journal.last_sequence()
    time.sleep(seconds)
    yard.expect(lambda: yard.journal.last_sequence() > before, "alerts are raised as before", 10)


FAULTS: Final = (
    Fault("store away", away),
    Fault("store slow", slow),
    Fault("store answers 413", too_large),
    Fault("store answers 429 with Retry-After", partial(overloaded, 429)),
    Fault("store answers 503 with Retry-After", partial(overloaded, 503)),
    Fault("store answers 401 (wrong token)", unauthorised),
    Fault("store refuses single points", type_conflict),
    Fault("store loses all, and is filled again", lost_and_refilled),
)
