"""What boards sum of weighings, on a real InfluxDB that the recorder filled."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from devices.cities import JINCHENG
from devices.city.files import read_city
from grafana.render import Json, all_boards
from ingest.log.raw_log import RawLog
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store.influx import InfluxStore
from tests.field_cases.path import BASE_MS, Message, case
from tests.field_cases.test_tickets import weighing
from tests.grafana.as_grafana import ALL, with_macros, with_variables
from tests.servers.influxdb import InfluxServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.real


def faulty_day() -> list[Message]:
    """18 t by one ticket, and much that does not count."""
    return [
        *case("17a-ticket-sent-twice"),
        *case("17b-unsettled-frames"),
        *case("17c-tare-above-gross"),
        weighing(3_000, "A030", net_kg=81000),
        weighing(3_100, "A031", gross_kg=68343, tare_kg=28660, net_kg=39683, unit="lb"),
        weighing(3_200, "A032", tare_kg=None, net_kg=None, direction="in"),
    ]


class Boards:
    """Board queries over what one recorder wrote into one database, batch by batch, each by a new process."""

    def __init__(self, folder: Path, server: InfluxServer) -> None:
        self._folder, self._server, self._database = folder, server, f"tonnes-{uuid4().hex[:8]}"
        server.create_database(self._database)
        self._boards = {str(path): board for path, board in all_boards()}

    def send(self, *messages: Message) -> None:
        async def record() -> None:
            store = InfluxStore(self._server.url, "unused", "haulwatch", self._database)
            city = read_city(JINCHENG)
            with closing(RawLog(self._folder / "raw")) as log, closing(RecorderState(self._folder / "r.db")) as state:
                log.append([message.raw() for message in messages])
                recorder = Recorder(log, store, state, lambda: city)
                while await recorder.step():
                    pass
                await recorder.finish()
            await store.close()

        asyncio.run(record())

    def ask(self, board: str, title: str) -> list[Json]:
        [panel] = [panel for panel in self._boards[board]["panels"] if panel["title"] == title]
        query = with_variables(panel["targets"][0]["query"], dict.fromkeys(("district", "site", "device"), ALL))
        query = with_macros(query, start=BASE_MS - 1, end=BASE_MS + 86_400_000, interval_ms=1_800_000)
        params = {"db": self._database, "epoch": "ms", "q": query}
        answer = httpx.get(f"{self._server.url}/query", params=params, timeout=PATIENCE_S)
        found: list[Json] = answer.json()["results"][0].get("series", [])
        return found

    def figure(self, board: str, title: str) -> Any:
        series = self.ask(board, title)
        return series[0]["values"][-1][-1] if series else None

    def tonnes(self) -> set[float]:
        """All sums of the boards, which must be one."""
        bars = self.ask("en/weighbridges.json", "Tonnes by weighbridge")
        by_bridge = sum(row[-1] for one in bars for row in one["values"])
        streams = self.ask("en/weighbridges.json", "Tonnes by stream")
        by_stream = sum(row[-1] for one in streams for row in one["values"])
        figures = {self.figure("en/weighbridges.json", "Tonnes"), self.figure("en/overview.json", "Net today")}
        return figures | {by_bridge, by_stream}


@pytest.fixture
def boards(tmp_path: Path, influx_server: InfluxServer) -> Boards:
    return Boards(tmp_path, influx_server)


def test_boards_sum_settled_consistent_tickets_once(boards: Boards) -> None:
    boards.send(*faulty_day())
    assert boards.tonnes() == {18.0}
    assert boards.figure("en/weighbridges.json", "Tickets") == 1
    [table] = boards.ask("en/weighbridges.json", "Weighings")
    reasons = {row[table["columns"].index("ticket_state")] for row in table["values"]}
    assert reasons == {"counted", "repeated", "unsettled", "tare_above_gross", "net_differs", "no_net"}


def test_a_correction_replaces_in_every_sum_whenever_it_comes(boards: Boards) -> None:
    corrected, again = weighing(7_000, tare_kg=14000, net_kg=17000), weighing(9_000, tare_kg=14000, net_kg=17000)
    for messages in ([corrected], faulty_day(), [again], faulty_day(), [corrected]):
        boards.send(*messages)
    assert boards.tonnes() == {17.0}
    assert boards.figure("en/weighbridges.json", "Tickets") == 1
