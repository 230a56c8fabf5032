"""People who look at the API while it is killed under them."""

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
    """A client of the live stream that comes back with the number it saw last, as browsers do."""

    def __init__(self, yard: Yard) -> None:
        self._url = f"http://127.0.0.1:{yard.api_port}/api/v1/alerts/stream"
        self.seen = [yard.journal.last_sequence()]
        """Journal numbers, after the one it began at."""
        self.cut_off = 0
        self._over = Event()

    @property
    def missed_or_twice(self) -> bool:
        return self.seen != list(range(self.seen[0], self.seen[0] + len(self.seen)))

    @contextmanager
    def following(self) -> Iterator["Follower"]:
        thread = Thread(target=self._follow, name="follower of alerts", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(10)

    def _follow(self) -> None:
        while not self._over.is_set():
            try:
                asked = {"Last-Event-ID": str(self.seen[-1])}
                with httpx.stream("GET", self._url, headers=asked, timeout=httpx.Timeout(5.0)) as events:
                    self._read(events)
            except httpx.TransportError:
                self.cut_off += 1
            time.sleep(0.1)

    def _read(self, events: httpx.Response) -> None:
        for line in events.iter_lines():
            if line.startswith("id: "):
                self.seen.append(int(line.removeprefix("id: ")))
            if self._over.is_set():
                return


def settled_answers(yard: Yard) -> tuple[str, str]:
    """What is said of this round's first slice when no more is to come of it: a track, and the alerts opened then."""
    yard.expect(lambda: yard.stream.slice_ms >= yard.stream.start_ms + 2 * SLICE_S * 1000, "two slices", 60)
    answers = [answers_of(yard)]

    def again() -> bool:
        time.sleep(0.7)
        answers.append(answers_of(yard))
        return answers[-1] == answers[-2] and _TRUCK in answers[-1][0] and '"items":[]' not in answers[-1][1]

    yard.expect(again, "the API gives the same answers twice", 60)
    return answers[-1]


def answers_of(yard: Yard) -> tuple[str, str]:
    """The same questions. Empty while the API does not answer."""
    span = {"start": yard.stream.start_ms, "end": yard.stream.start_ms + SLICE_S * 1000}
    api = f"http://127.0.0.1:{yard.api_port}/api/v1"
    try:
        track = httpx.get(f"{api}/devices/{_TRUCK}/track", params=span, timeout=10)
        alerts = httpx.get(f"{api}/alerts", params={**span, "limit": 200}, timeout=10)
    except httpx.TransportError:
        return "", ""
    return track.raise_for_status().text, alerts.raise_for_status().text
