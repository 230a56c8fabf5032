"""What `haulwatch run` prints of the path: each change of a part once, with the cause."""

import json
from collections.abc import Iterable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from haulwatch.process.path_watch import LOOK_EVERY_S, PathWatch, States, local_url, read_states
from tests.servers import free_port

WELL = {"store": ("ok", "SQLite"), "collector": ("ok", "connected, MQTT 5.0")}
AWAY = WELL | {"collector": ("failed", "not connected to the broker")}


def lines_of(story: Iterable[States | None], logs: dict[str, str] | None = None) -> list[str]:
    """What is printed while /readyz answers as the story says, one answer a look."""
    said: list[str] = []
    answers, now = iter(story), [0.0]
    watch = PathWatch(lambda: next(answers), (logs or {}).get, said.append, lambda: now[0])  # type: ignore[arg-type]
    for _ in range(len(list(story))):
        watch.look()
        watch.look()  # too soon
        now[0] += LOOK_EVERY_S
    return said


def test_a_path_that_is_well_is_said_once() -> None:
    assert lines_of([None, WELL, WELL, WELL]) == ["all parts work"]


def test_a_part_that_fails_is_named_once_with_the_cause_from_its_log_and_once_when_it_works_again() -> None:
    logs = {"collect": "WARNING collector: not connected: mqtt://127.0.0.1:1883: [Errno 111] Connection refused"}
    assert lines_of([WELL, WELL, AWAY, AWAY, AWAY, AWAY, WELL, WELL], logs) == [
        "all parts work",
        f"collector failed: not connected to the broker\n  its log: {logs['collect']}",
        "collector works again: connected, MQTT 5.0",
    ]


def test_a_part_that_is_away_for_one_look_is_not_named() -> None:
    assert lines_of([WELL, WELL, AWAY, WELL, AWAY, WELL, AWAY]) == ["all parts work"]


def test_a_degraded_part_is_named_and_the_api_has_the_log_of_what_has_no_process() -> None:
    slow = WELL | {"store": ("degraded", "does not answer")}
    lines = lines_of([slow, slow], {"serve": "the log of the API"})
    assert lines == ["store degraded: does not answer\n  its log: the log of the API"]


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8080/"),
        ("0.0.0.0", "http://127.0.0.1:8080/"),
        ("::", "http://[::1]:8080/"),
        ("city.example", "http://city.example:8080/"),
    ],
)
def test_the_address_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert local_url(host, 8080) == url


@pytest.fixture(params=[200, 503])
def readyz(request: pytest.FixtureRequest) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            checks = [{"name": name, "state": state, "detail": detail} for name, (state, detail) in AWAY.items()]
            self.send_response(request.param if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"checks": checks}).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join(10)


def test_states_are_read_whether_the_path_is_ready_or_not(readyz: int) -> None:
    assert read_states("127.0.0.1", readyz) == AWAY


def test_nobody_answers_yet() -> None:
    assert read_states("127.0.0.1", free_port()) is None
