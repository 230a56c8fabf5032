"""One device beyond each of its limits: by bytes, arrays, compartments, old times and alerts, then all of them at once.

The limits themselves are in docs/decisions/0063-limits-of-one-device.md. Beyond them everything is counted, the device
is named in /readyz and in the log, and nobody waits for it: see the delay of the bystanders.
"""

import json
import socket
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from threading import Thread
from typing import Final

from haulwatch.settings.data_files import waiting_file_paths
from ingest.collector.waiting_file import read_waiting
from simulators.load.packets import Version, connect, publish
from tests.chaos.faults import Fault, Size
from tests.chaos.yard import Complaint, Yard
from tests.waiting import PATIENCE_S

_OF_JUNK: Final = "truck-021"
_OF_ARRAYS: Final = "truck-023"
_OF_OLD_TIMES: Final = "truck-022"
_POINT: Final = "point-030"
_WEIGHBRIDGE: Final = "weighbridge-02"
"""Registered devices that take no part in the labelled stream."""
_WITHIN_LIMITS: Final = {_OF_OLD_TIMES, _WEIGHBRIDGE}
"""Nothing to name: no row is in the store that old times could be compared with, and one bridge opens 64 alerts at most
at once, however many tickets it sends."""
_MOST_ALERTS: Final = 64
_ACKNOWLEDGED_EVERY: Final = 50


class FloodYard(Yard):
    """Small bounds, so that some megabytes are beyond them."""

    def variables(self) -> dict[str, str]:
        return {"HAULWATCH_DEVICE_BURST_MIB": "4", "HAULWATCH_DEVICE_DEAD_LETTERS_MIB": "1"}


Payload = Callable[[int, int], bytes]
"""Message number n of a culprit whose clock shows `now`, ms."""


def _junk(_n: int, _now: int) -> bytes:
    return b"{" + b"x" * 60_000


def _ones(_n: int, _now: int) -> bytes:
    return b"[" + b",".join([b"1"] * 2_047) + b"]"


def _compartments(n: int, now: int) -> bytes:
    return json.dumps([{"ts": now, "compartment": f"c{n}-{m}", "fill_pct": 50.0} for m in range(300)]).encode()


def _old_times(n: int, now: int) -> bytes:
    ts = now - (n * 7_919 % 300_000 + 1) * 600_000
    return json.dumps({"ts": ts, "lat": 35.5, "lon": 112.8, "accuracy_m": 4.0}).encode()


def _tickets(n: int, now: int) -> bytes:
    ticket = {"ts": now - n * 10_000, "ticket": f"t{n}", "plate": f"京B{n % 100_000:05d}", "gross_kg": 20_000}
    return json.dumps(ticket | {"tare_kg": 12_000, "net_kg": 8_000, "direction": "in", "stable": True}).encode()


_KINDS: Final[dict[str, tuple[str, str, Payload, int]]] = {
    "bytes": (_OF_JUNK, "status", _junk, 20),
    "arrays": (_OF_ARRAYS, "status", _ones, 20),
    "compartments": (_POINT, "fill", _compartments, 100),
    "old times": (_OF_OLD_TIMES, "position", _old_times, 2),
    "alerts": (_WEIGHBRIDGE, "weighing", _tickets, 10),
}
"""What sends it, what it sends, and the part of `Size.flood` that it sends of it."""


def flood(names: Iterable[str], yard: Yard, size: Size) -> None:
    """The culprits send as fast as the broker takes it. All of it is accounted for; who is beyond a limit is named."""
    chosen = [_KINDS[name] for name in names]
    culprits = {device for device, *_ in chosen}
    yard.apart |= culprits
    yard.rest(0.5, 1.0)
    failures: list[str] = []

    def send(device: str, kind: str, payload: Payload, messages: int) -> None:
        try:
            _publish(yard, device, f"haulwatch/v1/{device}/{kind}", payload, messages)
        except OSError as exc:
            failures.append(f"{device}: {exc}")

    threads = [Thread(target=send, args=(*what, size.flood // part), daemon=True) for *what, part in chosen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise Complaint(f"a culprit could not send: {failures}")
    for culprit in sorted(culprits - _WITHIN_LIMITS):
        _expect_named(yard, culprit)
    changes = [entry.change for entry in yard.journal.changes_after(0, 1_000_000)]
    opened = {change.alert_id for change in changes if change.subject in culprits}
    if len(opened) > _MOST_ALERTS + len(culprits):
        raise Complaint(f"{len(opened)} alerts of {sorted(culprits)}")
    yard.expect(lambda: not _waiting(yard), "nothing waits for its share any more", 120)


def _waiting(yard: Yard) -> Mapping[str, int]:
    return read_waiting(waiting_file_paths(yard.settings))


def _expect_named(yard: Yard, culprit: str) -> None:
    yard.expect(lambda: culprit in yard.readiness().get("devices", (True, ""))[1], f"/readyz names {culprit}", 60)
    yard.expect(lambda: _is_logged(yard, culprit), f"a log names {culprit}", 60)


def _publish(yard: Yard, device: str, topic: str, payload: Payload, messages: int) -> None:
    """At QoS 1, and wait for what the broker acknowledges."""
    with socket.create_connection(("127.0.0.1", yard.broker.port), timeout=PATIENCE_S) as line:
        line.sendall(connect(device, Version.V311))
        line.recv(4)
        acknowledged = 0
        for n in range(messages):
            line.sendall(publish(topic, payload(n, yard.stream.slice_ms), n % 65_535 + 1, Version.V311))
            if n % _ACKNOWLEDGED_EVERY == _ACKNOWLEDGED_EVERY - 1:
                acknowledged += len(line.recv(65_536))
        while acknowledged < 4 * messages:  # a PUBACK has four bytes
            acknowledged += len(line.recv(65_536))


def _is_logged(yard: Yard, device: str) -> bool:
    logs = (yard.log(name).read_text(errors="replace") for name in ("collect", "record", "judge"))
    return any("beyond its limit" in line and device in line for log in logs for line in log.splitlines())


FAULTS: Final = (
    *(Fault(f"a device floods by {name}", partial(flood, (name,)), FloodYard, last=True) for name in _KINDS),
    Fault("devices flood by all of these at once", partial(flood, tuple(_KINDS)), FloodYard, last=True),
)
"""Each in a yard of its own: culprits fall silent, and three devices that are silent together are an outage."""
