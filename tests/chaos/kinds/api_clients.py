"""Clients of the API while its process is killed."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import httpx

from tests.chaos.fleet import SLICE_S
from tests.chaos.yard import Yard

_TRUCK: Final = "truck-001"


class Follower:
    """A client of the live stream that reconnects with the last number it received, as browsers do."""

    def __init__(self, yard: Yard) -> None:
        self._url = f"http://127.0.0.1:{yard.api_port}/api/v1/alerts/stream"
        self.received = [yard.journal.last_sequence()]
        """Journal numbers, beginning with the last one before it connected."""
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
                headers = {"Last-Event-ID": str(self.received[-1])}
                with httpx.stream("GET", self._url, headers=headers, timeout=httpx.Timeout(5.0)) as events:
                    self._read(events)
            except httpx.TransportError:
                self.disconnects += 1
            time.sleep(0.1)

    def _read(self, events: httpx.Response) -> None:
        for line in events.iter_lines():
            if line.startswith("id: "):
                self.received.append(int(line.removeprefix("id: ")))
            if self._stop.is_set():
                return


def final_answers(yard: Yard) -> tuple[str, str]:
    """The API's answers about this round's first slice, once they are final: a track, and the alerts opened then."""
    yard.expect(lambda: yard.stream.slice_ms >= yard.stream.start_ms + 2 * SLICE_S * 1000, "two slices", 60)
    answers = [answers_of(yard)]

    def same_again() -> bool:
        time.sleep(0.7)
        answers.append(answers_of(yard))
        return answers[-1] == answers[-2] and _TRUCK in answers[-1][0] and '"items":[]' not in answers[-1][1]

    yard.expect(same_again, "the API gives the same answers twice", 60)
    return answers[-1]


def answers_of(yard: Yard) -> tuple[str, str]:
    """Track and alerts of this round's first slice; empty while the API does not answer."""
    span = {"start": yard.stream.start_ms, "end": yard.stream.start_ms + SLICE_S * 1000}
    api = f"http://127.0.0.1:{yard.api_port}/api/v1"
    try:
        track = httpx.get(f"{api}/devices/{_TRUCK}/track", params=span, timeout=10)
        alerts = httpx.get(f"{api}/alerts", params={**span, "limit": 200}, timeout=10)
    except httpx.TransportError:
        return "", ""
    return track.raise_for_status().text, alerts.raise_for_status().text
