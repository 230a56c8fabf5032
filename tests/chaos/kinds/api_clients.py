"""Clients of the API while its process is killed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any, Final

import httpx

from tests.chaos.fleet import SLICE_S
from tests.chaos.yard import Complaint, Yard
from tests.waiting import PATIENCE_S

_TRUCK: Final = "truck-001"


class Follower:
    """A client of the live stream that reconnects with the last id it received, as browsers do."""

    def __init__(self, yard: Yard) -> None:
        self._url = f"http://127.0.0.1:{yard.api_port}/api/v1/alerts/stream"
        self.received = [yard.journal.last_sequence()]
        """Journal numbers, beginning with the last one before it connected."""
        self._last_id = f"{self.received[0]}-0"
        """Numbers of the last change and of the last action of a person; nobody acts here."""
        self.disconnects = 0
        self._stop = Event()

    @property
    def missed_or_repeated(self) -> bool:
        return self.received != list(range(self.received[0], self.received[0] + len(self.received)))

    @contextmanager
    def following(self) -> Iterator["Follower"]:
        thread = Thread(target=self._follow, name="follower of alerts", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join(10)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                headers = {"Last-Event-ID": self._last_id}
                with httpx.stream("GET", self._url, headers=headers, timeout=httpx.Timeout(5.0)) as events:
                    self._read(events)
            except httpx.TransportError:
                self.disconnects += 1
            time.sleep(0.1)

    def _read(self, events: httpx.Response) -> None:
        for line in events.iter_lines():
            if line.startswith("id: "):
                self._last_id = line.removeprefix("id: ")
                self.received.append(int(self._last_id.partition("-")[0]))
            if self._stop.is_set():
                return


class Answers:
    """What the API says of this round's first slice: a track, and the alerts of that time."""

    def __init__(self, track: dict[str, Any], alerts: dict[str, Any]) -> None:
        path = track["features"][0] if track["features"] else None
        places = zip(path["geometry"]["coordinates"], path["properties"]["speeds_kmh"], strict=True) if path else ()
        self.fixes = dict(zip(path["properties"]["times"], places, strict=True)) if path else {}
        self.alerts = {alert["alert_id"]: alert for alert in alerts["items"]}

    def differs_from(self, before: "Answers") -> str | None:
        """What was answered before and is not answered now; None if there is nothing. An alert that has a further
        revision may differ: judgement goes on.
        """
        for ts, fix in before.fixes.items():
            if self.fixes.get(ts) != fix:
                return f"the fix of {_TRUCK} at {ts}: {fix} before, {self.fixes.get(ts)} now"
        for alert_id, alert in before.alerts.items():
            now = self.alerts.get(alert_id)
            if now is None or now["revision"] < alert["revision"]:
                return f"alert {alert_id}: revision {alert['revision']} before, {now and now['revision']} now"
            if now["revision"] == alert["revision"] and now != alert:
                names = [name for name in alert if now.get(name) != alert[name]]
                return f"alert {alert_id}, revision {alert['revision']}: {', '.join(names)} are others now"
        return None


def first_answers(yard: Yard) -> Answers:
    """The API's answers about this round's first slice, once there are some."""
    yard.expect(lambda: yard.stream.slice_ms >= yard.stream.start_ms + 2 * SLICE_S * 1000, "two slices", 60)
    found: list[Answers] = []

    def answered() -> bool:
        time.sleep(0.5)
        found.append(answers_of(yard))
        return bool(found[-1].fixes and found[-1].alerts)

    yard.expect(answered, "the API has a track and alerts of the first slice", 60)
    return found[-1]


def answers_of(yard: Yard) -> Answers:
    """Track and alerts of this round's first slice. Raises Complaint if the API does not answer."""
    span = {"start": yard.stream.start_ms, "end": yard.stream.start_ms + SLICE_S * 1000}
    api = f"http://127.0.0.1:{yard.api_port}/api/v1"
    try:
        track = httpx.get(f"{api}/devices/{_TRUCK}/track", params=span, timeout=PATIENCE_S)
        alerts = httpx.get(f"{api}/alerts", params={**span, "limit": 200}, timeout=PATIENCE_S)
    except httpx.TransportError as exc:
        raise Complaint(f"the API did not answer: {exc!r}") from exc
    return Answers(track.raise_for_status().json(), alerts.raise_for_status().json())
