"""Tells the person who called `haulwatch run` which part fails and why, from /readyz and the logs of the parts."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from typing import Final

LOOK_EVERY_S: Final = 3.0
_TIMEOUT_S: Final = 6.0
"""The API gives each check five seconds."""
_CONFIRMED_AFTER: Final = 2
"""Looks in a row that find a part in the same state: parts start and reconnect within one."""
LOG_OF: Final = {"collector": "collect", "recorder": "record", "judge": "judge"}
"""The process whose log has the cause of a failed check; the API's for all others."""

States = Mapping[str, tuple[str, str]]
"""The checks of /readyz: name → state and detail."""


def local_url(host: str, port: int) -> str:
    """The URL under which a person on this machine reaches the API."""
    name = _reachable(host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"


def read_states(host: str, port: int) -> States | None:
    """Ask /readyz; None while nobody answers."""
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        checks = json.loads(connection.getresponse().read())["checks"]
        return {check["name"]: (check["state"], check["detail"]) for check in checks}
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """Where a server that listens on all addresses is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


class PathWatch:
    """Prints each change of a part's state once."""

    def __init__(
        self,
        read: Callable[[], States | None],
        last_trouble: Callable[[str], str],
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`last_trouble`: the newest warning or error in the log of a process, empty without one."""
        self._read = read
        self._last_trouble = last_trouble
        self._say = say
        self._monotonic = monotonic
        self._look_at = 0.0
        self._announced: dict[str, str] = {}
        self._seen: dict[str, tuple[str, int]] = {}
        self._all_well = False
        """That all parts work was announced."""

    def look(self) -> None:
        """Look if it is time to."""
        if self._monotonic() < self._look_at:
            return
        self._look_at = self._monotonic() + LOOK_EVERY_S
        states = self._read()
        if states is None:
            return
        for name, (state, detail) in states.items():
            before, times = self._seen.get(name, ("", 0))
            self._seen[name] = (state, times + 1 if state == before else 1)
            if self._seen[name][1] >= _CONFIRMED_AFTER:
                self._report(name, state, detail)
        confirmed = (state == "ok" and times >= _CONFIRMED_AFTER for state, times in self._seen.values())
        if not self._all_well and all(confirmed):
            self._all_well = True
            self._say("all parts work")

    def _report(self, name: str, state: str, detail: str) -> None:
        if state == self._announced.get(name, "ok"):
            return
        self._announced[name] = state
        if state == "ok":
            self._say(f"{name} works again: {detail}")
            return
        trouble = self._last_trouble(LOG_OF.get(name, "serve"))
        self._say(f"{name} {state}: {detail}" + (f"\n  its log: {trouble}" if trouble else ""))
