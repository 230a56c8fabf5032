"""Answers of a real InfluxDB to the queries of the boards."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import httpx
import pytest

from grafana.render import Json, all_boards
from tests.grafana.as_grafana import ALL, interval_of, span_of, with_macros, with_variables
from tests.grafana.demonstration import Demonstration

BOARDS: Final = {str(path): board for path, board in all_boards()}
EVERYTHING: Final = dict.fromkeys(("district", "fleet", "site", "device", "rule"), ALL)
QUICK_S: Final = 1.0


@dataclass(frozen=True)
class Answers:
    """An InfluxDB with the data of the demonstration."""

    shown: Demonstration
    client: httpx.Client

    def ask(self, query: str) -> list[Json]:
        """The series of the result. Fails on an error, and if the query takes too long three times."""
        for _ in range(3):
            begun = perf_counter()
            answer = self.client.get("/query", params={"q": query}).json()
            if perf_counter() - begun < QUICK_S:
                break
        else:
            pytest.fail(f"takes longer than {QUICK_S} s: {query}")
        [result] = answer.get("results", [answer])
        assert "error" not in result, (result, query)
        found: list[Json] = result.get("series", [])
        return found

    def fill(self, query: str, panel: Json, board: Json, chosen: dict[str, Any]) -> str:
        start, end = span_of(panel, board, self.shown.end)
        query = with_variables(query, chosen)
        return with_macros(query, start=start, end=end, interval_ms=interval_of(panel, start, end))


def values(series: list[Json], column: str) -> list[Any]:
    """All values of a column that are not null; a column may be a tag."""
    found = []
    for one in series:
        if column in one.get("tags", {}):
            found += [one["tags"][column]] * len(one["values"])
        elif column in one["columns"]:
            at = one["columns"].index(column)
            found += [row[at] for row in one["values"] if row[at] is not None]
    return found
