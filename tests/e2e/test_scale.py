"""A weighbridge by serial line, from the indicator's frames to the store: killed in the middle, adopted afterwards."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import pytest

from simulators.dialects.scale.bridge import Display
from simulators.dialects.scale.frames import yaohua
from simulators.dialects.scale.line import PtyLine
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.twins.ticket_book import rows

pytestmark = [pytest.mark.real, pytest.mark.long]

BRIDGE: Final = "bridge-by-serial"
SITE: Final = "spoil-nw-1"
FRAME_S: Final = 0.05


class Indicator:
    """Sends what it shows, twenty times a second, whether anybody reads or not."""

    def __init__(self) -> None:
        self.line = PtyLine()
        self.kg = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._send, name="indicator")
        self._thread.start()

    def _send(self) -> None:
        while not self._end.wait(FRAME_S):
            asyncio.run(self.line.write(yaohua(Display(0, self.kg, moving=False))))

    def drive(self, *kgs: int) -> None:
        """What it shows while a truck moves; the last one stays."""
        for kg in kgs:
            self.kg = kg
            time.sleep(3 * FRAME_S)

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self.line.close()


@contextmanager
def indicator() -> Iterator[Indicator]:
    made = Indicator()
    try:
        yield made
    finally:
        made.close()


def stored(installation: Installation) -> list[float]:
    """Gross weights of the scale in the embedded store."""
    with closing(sqlite3.connect(installation.folder / "readings.db")) as db:
        query = "SELECT fields FROM points JOIN series ON series.id = points.series WHERE measurement = 'weighing'"
        return [json.loads(fields)["gross_kg"] for (fields,) in db.execute(query)]


def test_a_truck_is_weighed_once_though_its_gateway_is_killed_and_its_scale_is_unknown(
    install: Callable[..., Installation], mosquitto: Mosquitto
) -> None:
    site = install("site", HAULWATCH_MQTT_URL=mosquitto.url)
    site.import_city()
    site.start_collector()
    site.start("record")
    book = site.folder / "gateways" / f"scale-{BRIDGE}.sqlite"
    with indicator() as shown:
        command = ("gateway", "scale", "--port", shown.line.path, "--device", BRIDGE, "--profile", "yaohua-kg")
        site.start(*command)
        site.until(lambda: "yaohua-kg" in site.log("gateway").read_text(), "the gateway reads")
        time.sleep(30 * FRAME_S)  # the empty platform comes to rest
        shown.drive(480, 6_000, 12_000, 15_620)
        site.until(lambda: rows(book, "platform") == 1, "the weight settles")
        site.kill("gateway")
        site.start(*command)
        site.until(lambda: site.log("gateway").read_text().count("yaohua-kg") == 2, "the gateway reads again")
        shown.drive(9_000, 480, 0)
        site.until(lambda: bool(site.ledger()["total"]["quarantined"]), "the weighing waits in quarantine")
    [found] = site.json("device", "unknown")
    assert (found["device"], found["dialect"], found["waiting"]) == (BRIDGE, "scale", 1)
    adopted = site.run("device", "adopt", BRIDGE, "--role", "weighbridge", "--site", SITE, "--profile", "yaohua-kg")
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    site.until(lambda: stored(site) == [15_620.0], "the weighing is stored")
    site.stop("gateway")
    [line] = [one for one in site.ledger()["devices"] if one["device"] == BRIDGE]
    assert (line["received"], line["stored"], line["quarantined"], line["gaps"]) == (1, 1, {}, 0)
    assert rows(book, "ticket") == rows(book, "platform") == 0
