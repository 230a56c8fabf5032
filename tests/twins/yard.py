"""The pairs on the real path: gateways, broker, collector, recorder and judge are processes of their own."""

import asyncio
import json
import random
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from devices.city.files import read_city
from ingest.gateways.status import read_gateway_status
from ingest.log.raw_log import RawLog
from ingest.log.records import TICK_TOPIC, RawMessage
from simulators.dialects.broker import Broker, Connection, connected
from simulators.dialects.jt808.fleet import run_terminals
from simulators.dialects.jt808.terminal import Habits, Tally, Terminal
from simulators.dialects.scale.bridge import Display, Visit, display
from simulators.dialects.scale.frames import yaohua
from simulators.dialects.scale.line import PtyLine
from simulators.dialects.sparkplug import EdgeNode
from tests.installation import Installation
from tests.servers import free_port
from tests.servers.mosquitto import Mosquitto
from tests.twins import stories, town
from tests.twins.stories import Label
from tests.twins.ticket_book import rows
from tests.waiting import eventually

_BEHIND_MS: Final = 437
"""Device time of the truck is no whole second, as that of most."""
_FRAME_S: Final = 0.05
"""Pause between two frames of the bridge."""
_SILENCE_S: Final = 70
_TICK_S: Final = 10
_REPORTS: Final = stories.TRUCK_S // stories.TRUCK_EVERY_S


class Yard:
    """An installation, and what is sent to it."""

    def __init__(self, haulwatch: Installation, broker: Mosquitto) -> None:
        """`haulwatch` has the address of the broker."""
        self._haulwatch, self._mosquitto = haulwatch, broker
        self._broker = Broker("127.0.0.1", broker.port)
        self._port = free_port()
        haulwatch.environment |= {"HAULWATCH_JT808_PORT": str(self._port), "HAULWATCH_SPARKPLUG_REORDER_S": "0.1"}
        self.labels: dict[str, Label] = {}
        """By dialect, as `town.PAIRS`."""

    def run(self) -> None:
        """Live all stories at once, and judge them to the end."""
        haulwatch = self._haulwatch
        folder = town.write_city(haulwatch.folder / "city")
        imported = haulwatch.run("city", "import", str(folder))
        assert imported.returncode == 0, imported.stderr
        self._city = read_city(folder)
        haulwatch.start_collector()
        haulwatch.start("record")
        haulwatch.start("judge")
        haulwatch.start("gateway", "jt808", name="jt808")
        haulwatch.start("gateway", "sparkplug", name="sparkplug")
        indicator = PtyLine()
        try:
            options = ("--port", indicator.path, "--device", town.BRIDGES.dialect, "--profile", "yaohua-kg")
            haulwatch.start("gateway", "scale", *options, name="scale")
            asyncio.run(self._live(indicator))
            haulwatch.until(self._all_is_stored, "everything that the devices reported is stored")
            haulwatch.stop("collect")
        finally:
            indicator.close()
        _be_silent(haulwatch.folder / "raw")
        haulwatch.until_judged()

    async def _live(self, indicator: PtyLine) -> None:
        await eventually(self._gateways_are_connected)
        now = time.time_ns() // 1_000_000
        starts = {
            "jt808": now - stories.TRUCK_S * 1000 - _BEHIND_MS,
            "chirpstack": now - len(stories.LEVELS_PCT) * stories.BIN_EVERY_S * 1000,
            "sparkplug": now - len(stories.LINE) * stories.LINE_EVERY_S * 1000,
        }
        async with connected(self._broker, "twins") as connection, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._truck(connection, starts["jt808"]))
            tasks.create_task(self._bin(connection, starts["chirpstack"]))
            tasks.create_task(self._line(connection, starts["sparkplug"]))
            tasks.create_task(self._bridge(connection, indicator))

    def _gateways_are_connected(self) -> bool:
        names = ("jt808", "sparkplug", f"scale-{town.BRIDGES.dialect}")
        statuses = [read_gateway_status(self._haulwatch.folder / "gateways" / f"{one}_status.json") for one in names]
        return all(status is not None and status.figures.broker_connected for status in statuses)

    async def _truck(self, connection: Connection, start_ms: int) -> None:
        dumping = stories.Dumping(self._city, town.ROUTE)
        self.labels["jt808"] = dumping.label(start_ms)
        reports = []
        for number in range(_REPORTS):
            second = number * stories.TRUCK_EVERY_S
            reports.append({"ts": start_ms + second * 1000, "seq": number, **dumping.at(second).native()})
        birth = {"ts": time.time_ns() // 1_000_000, "online": True, "cause": "birth", "session": 1}
        await _publish(connection, town.TRUCKS.native, "status", [birth])
        await _publish(connection, town.TRUCKS.native, "position", reports)
        habits = Habits(interval_s=stories.TRUCK_EVERY_S, pause_s=0.01, reports=_REPORTS)
        terminal = Terminal(
            town.TRUCKS.dialect,
            None,
            habits,
            lambda second: dumping.at(second).on_the_wire(),
            random.Random(1),
            Tally(),
        )
        await run_terminals([terminal], habits, ("127.0.0.1", self._port), start_ms, asyncio.Event())

    async def _bin(self, connection: Connection, start_ms: int) -> None:
        self.labels["chirpstack"] = stories.bin_label(start_ms)
        for number, level in enumerate(stories.LEVELS_PCT):
            ts = start_ms + number * stories.BIN_EVERY_S * 1000
            native = {"ts": ts, "seq": number, "fill_pct": level}
            await _publish(connection, town.BINS.native, "fill", [native])
            await connection.publish(*town.SENSOR.uplink_of(stories.distance_mm(level), ts), qos=1)

    async def _line(self, connection: Connection, start_ms: int) -> None:
        self.labels["sparkplug"] = stories.line_label(start_ms)
        now = [start_ms - stories.LINE_EVERY_S * 1000]
        group, node, line = town.EDGE
        edge = EdgeNode(group, node, [line], seed=1, now_ms=lambda: now[0])
        before = stories.Line(0.0, 0)
        async with edge.connected(self._broker):
            for number, report in enumerate(stories.LINE):
                now[0] = start_ms + number * stories.LINE_EVERY_S * 1000
                rate, queue = report
                native = {"ts": now[0], "seq": number, "running": rate > 0, "rate_t_per_h": rate / 1000}
                await _publish(connection, town.LINES.native, "throughput", [native | {"queue_trucks": queue}])
                if rate != before.rate_kg_per_h:
                    await edge.set_rate(line, rate)
                else:
                    await edge.set_queue(line, queue)
                before = report

    async def _bridge(self, connection: Connection, indicator: PtyLine) -> None:
        """Weigh both trucks at the same moment, in real time: a scale has no clock but that of its gateway."""
        place = stories.place_of(self._city, town.BRIDGE_SITE)
        for truck in town.WEIGHED:
            await _publish(connection, truck, "position", stories.standing(place, time.time_ns() // 1_000_000))
        plate = json.dumps({"plate": town.PLATES.dialect, "direction": "in"}).encode()
        book = self._haulwatch.folder / "gateways" / f"scale-{town.BRIDGES.dialect}.sqlite"
        began = settled = 0
        for shown in display(
            [Visit(stories.WEIGHED_KG, axles=2, stands_s=1.0, empty_s=2.0)], random.Random(1), start_ms=0
        ):
            await _show(indicator, shown)
            if shown.kg == stories.WEIGHED_KG and not shown.moving and not settled:
                began = time.time_ns() // 1_000_000
                while not rows(book, "platform"):  # however slow this machine is
                    await connection.publish(f"haulwatch/v1/{town.BRIDGES.dialect}/gate/plate", plate, qos=1)
                    await _show(indicator, shown)
                settled = time.time_ns() // 1_000_000
        ticket = {"ts": settled, "seq": 1, "gross_kg": stories.WEIGHED_KG, "ticket": "T-1", "direction": "in"}
        await _publish(connection, town.BRIDGES.native, "weighing", [ticket | {"plate": town.PLATES.native}])
        self.labels["scale"] = Label("weighbridge_integrity", (began, settled), ("confirmed",))

    def _all_is_stored(self) -> bool:
        stored = _stored(self._haulwatch.folder / "readings.db")
        return stored == {
            **{("position", truck): _REPORTS for truck in town.TRUCKS},
            **{("position", truck): stories.STANDING for truck in town.WEIGHED},
            **{("fill", one): len(stories.LEVELS_PCT) for one in town.BINS},
            ("throughput", town.LINES.native): len(stories.LINE),
            ("throughput", town.LINES.dialect): len(stories.LINE) + 1,  # its birth has values too
            **{("weighing", bridge): 1 for bridge in town.BRIDGES},
        }


def _stored(store: Path) -> dict[tuple[str, str], int]:
    """Measured readings in the embedded store, by measurement and device."""
    query = (
        "SELECT measurement, device, count(*) FROM points JOIN series ON series.id = points.series "
        "WHERE measurement IN ('position', 'fill', 'throughput', 'weighing') GROUP BY measurement, device"
    )
    if not store.exists():
        return {}
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        return {(measurement, device): count for measurement, device, count in db.execute(query)}


async def _show(indicator: PtyLine, shown: Display) -> None:
    await indicator.write(yaohua(shown))
    await asyncio.sleep(_FRAME_S)


async def _publish(connection: Connection, device: str, kind: str, readings: Iterable[Mapping[str, Any]]) -> None:
    """As a native device that was without a connection."""
    await connection.publish(f"haulwatch/v1/{device}/{kind}", json.dumps([*readings]).encode(), qos=1)


def _be_silent(raw: Path) -> None:
    """Write into the log that nothing came for so long, as the collector does: nobody waits for it here."""
    now, ticks = time.time_ns() // 1_000_000, range(_TICK_S, _SILENCE_S + 1, _TICK_S)
    payload = str(_TICK_S * 1000).encode()
    with closing(RawLog(raw)) as log:
        log.append([RawMessage(TICK_TOPIC, payload, now + second * 1000) for second in ticks])
