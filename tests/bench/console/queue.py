"""The pages of a long queue over HTTP, as the console asks for them."""

import time
from collections.abc import Iterator
from typing import Final

import httpx

from haulwatch.wiring.databases import open_registry
from rules.catalogue import CATALOGUE
from simulators.load.generator import device_id
from tests.bench import BenchFailed
from tests.bench.console.api import running_api
from tests.bench.console.journal import MINUTE_MS, write_alerts
from tests.bench.console.measures import QueueRow
from tests.bench.environment import BenchEnvironment
from tests.bench.fleet import START_MS, city_of
from tests.bench.measures import percentiles

_PAGE: Final = 100
_TIMEOUT_S: Final = 120.0
_QUESTIONS: Final[dict[str, tuple[dict[str, str], int]]] = {
    "all": ({}, 100),
    "all, from the oldest fifth on": ({}, 100),
    "open": ({"open": "true"}, 20),
    "severity P1": ({"severity": "P1"}, 20),
    "one rule": ({"rule": CATALOGUE[0].name}, 100),
    "one truck": ({"subject": device_id(1)}, 20),
    "one fleet": ({"fleet": "fleet-1"}, 100),
    "not acknowledged, P1, open": ({"acknowledged": "false", "severity": "P1", "open": "true"}, 20),
    "assigned to nobody there": ({"assigned_to": "nobody.there"}, 20),
    "words of a title": ({"text": "plate-17 did"}, 100),
    "words that nothing has": ({"text": "nothing has these"}, 20),
}
"""Parameters, and the most pages that are read."""


def queue(environment: BenchEnvironment) -> Iterator[QueueRow]:
    """A row for each question. Raises BenchFailed."""
    sizes, installation = environment.sizes, environment.installation()
    with open_registry(installation.settings) as registry:
        registry.import_city(city_of(sizes.devices))
    environment.progress(f"writing {sizes.queued:,} alerts")
    write_alerts(installation.settings, sizes.queued, sizes.devices)
    with running_api(installation) as api, httpx.Client(base_url=api.url, timeout=_TIMEOUT_S) as client:
        client.get("/api/v1/city")
        for question, (parameters, most) in _QUESTIONS.items():
            environment.progress(f"the queue: {question}")
            if "oldest" in question:
                parameters = {"end": str(START_MS + sizes.queued // 5 * MINUTE_MS)}  # noqa: PLW2901
            taken = list(_pages(client, parameters, most))
            yield QueueRow(question, len(taken), percentiles(taken), round(max(taken), 1))


def _pages(client: httpx.Client, parameters: dict[str, str], most: int) -> Iterator[float]:
    """Milliseconds for each page."""
    cursor: str | None = None
    for _ in range(most):
        asked = parameters | {"limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
        began = time.perf_counter()
        answer = client.get("/api/v1/alerts", params=asked)
        yield (time.perf_counter() - began) * 1000
        if answer.status_code != 200:
            raise BenchFailed(f"{parameters}: the API answers {answer.status_code}: {answer.text[:500]}")
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return
