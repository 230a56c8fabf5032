"""Terminals of JT/T 808 on the whole path: gateway, real broker, collector, recorder; the gateway is killed.

The oracle is the terminals' own count: each position that the gateway answered is in the store, once.
"""

import asyncio
import json
import random
import shutil
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devices.cities import JINCHENG
from simulators.dialects.jt808.fleet import run_terminals, terminals
from simulators.dialects.jt808.line import Faults
from simulators.dialects.jt808.terminal import Habits, Tally, Terminal
from tests.installation import Installation
from tests.servers import free_port
from tests.waiting import eventually

FAULTS = 0.03
"""Share of frames with each fault."""


@dataclass(frozen=True)
class Plan:
    """What is sent, and how often the gateway is killed."""

    terminals: int
    reports: int
    pause_s: float
    """Between two positions of a terminal."""
    kills: int
    seed: int = 1

    @property
    def habits(self) -> Habits:
        faults = Faults(FAULTS, FAULTS, FAULTS, FAULTS, FAULTS)
        return Habits(
            pause_s=self.pause_s, reports=self.reports, blind_share=0.2, cut_share=FAULTS, batch=40, answer_s=20.0,
            slowest_retry_s=1.0,
            faults=faults,
        )  # fmt: skip


@dataclass
class Outcome:
    """What the terminals count, and what is found at the end of the path."""

    tally: Tally
    stored: Counter[str]
    """Positions in the store, by device."""
    ledger: dict[str, Any]
    seconds: float
    gateway_cpu_s: float
    """Of the last gateway process."""
    kills: int


def city_with(folder: Path, fleet: list[Terminal]) -> Path:
    """Jincheng with a truck for each terminal, registered by the phone number as it is sent."""
    shutil.copytree(JINCHENG, folder)
    devices = [
        {"id": one.phone, "role": "truck", "dialect": "jt808", "vehicle": f"v-{one.phone}", "report_interval_s": 10,
         "valid_from": "2020-01-01"}
        for one in fleet
    ]  # fmt: skip
    vehicles = [
        {"id": f"v-{one.phone}", "plate": f"晋E{number:05d}", "tare_kg": 12_800.0, "payload_kg": 16_000.0,
         "valid_from": "2020-01-01"}
        for number, one in enumerate(fleet)
    ]  # fmt: skip
    for name, rows in (("devices", devices), ("vehicles", vehicles)):
        with (folder / f"{name}.yaml").open("a", encoding="utf-8") as file:
            yaml.safe_dump(rows, file, allow_unicode=True)
    return folder


class Yard:
    """An installation with a gateway, and a fleet of terminals."""

    def __init__(self, haulwatch: Installation, plan: Plan) -> None:
        """`haulwatch` knows the broker."""
        self._haulwatch, self._plan = haulwatch, plan
        self._port = free_port()
        haulwatch.environment["HAULWATCH_JT808_PORT"] = str(self._port)
        self._fleet, self.tally = terminals(plan.terminals, plan.habits, plan.seed)
        self._dice = random.Random(plan.seed)
        self._cpu_s = 0.0

    def run(self) -> Outcome:
        """Import the city, start the processes, drive all terminals to their end, and wait until all is stored."""
        city = city_with(self._haulwatch.folder / "city", self._fleet)
        imported = self._haulwatch.run("city", "import", str(city))
        assert imported.returncode == 0, imported.stderr
        self._haulwatch.start_collector()
        self._haulwatch.start("record")
        self._start_gateway()
        began = time.monotonic()
        asyncio.run(self._drive())
        seconds = time.monotonic() - began
        made = self._plan.terminals * self._plan.reports
        self._haulwatch.until(lambda: sum(self.stored().values()) >= made, "every position is stored", every_s=0.3)
        self._haulwatch.until(lambda: self._haulwatch.ledger()["total"]["queued"] == 0, "nothing is queued")
        ledger = self._haulwatch.ledger()
        return Outcome(self.tally, self.stored(), ledger, seconds, self._cpu_s, self._plan.kills)

    def stored(self) -> Counter[str]:
        """Positions in the store, by device."""
        path = self._haulwatch.folder / "readings.db"
        if not path.exists():
            return Counter()
        query = (
            "SELECT device, count(*) FROM points JOIN series ON series.id = points.series "
            "WHERE measurement = 'position' GROUP BY device"
        )
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            return Counter(dict(db.execute(query).fetchall()))

    async def _drive(self) -> None:
        plan, start_ms = self._plan, time.time_ns() // 1_000_000
        start_ms -= plan.reports * plan.habits.interval_s * 1_000
        async with asyncio.TaskGroup() as tasks:
            driving = tasks.create_task(
                run_terminals(self._fleet, plan.habits, ("127.0.0.1", self._port), start_ms, asyncio.Event())
            )
            await self._kill_meanwhile(driving)
            await driving
        self._cpu_s = cpu_s(self._haulwatch.pid("gateway"))

    async def _kill_meanwhile(self, driving: asyncio.Task[None]) -> None:
        """Kill the gateway in the middle of the stream: by the count of answers, so on any machine."""
        all_of_them = self._plan.terminals * self._plan.reports
        for number in range(1, self._plan.kills + 1):
            at = all_of_them * (number - self._dice.random() / 2) / (self._plan.kills + 1)
            await eventually(lambda: self.tally.answered >= at or driving.done())  # noqa: B023
            assert not driving.done(), "the terminals were done before the gateway was killed"
            await asyncio.to_thread(self._haulwatch.kill, "gateway")
            await asyncio.to_thread(self._start_gateway)

    def _start_gateway(self) -> None:
        self._haulwatch.start("gateway", "jt808")


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def judge(outcome: Outcome, plan: Plan) -> list[str]:
    """What is wrong; empty if every promise was kept."""
    tally, total, wrong = outcome.tally, outcome.ledger["total"], []
    made = plan.terminals * plan.reports
    if (tally.made, tally.answered) != (made, made):
        wrong.append(f"made {tally.made}, answered {tally.answered}, should be {made}")
    lost = plan.reports * plan.terminals - sum(outcome.stored.values())
    if lost:
        wrong.append(f"{lost} positions that were answered are not stored")
    if set(outcome.stored.values()) != {plan.reports} or len(outcome.stored) != plan.terminals:
        wrong.append("devices have other numbers of positions than they made")
    if total["quarantined"]:
        wrong.append(f"quarantined: {json.dumps(total['quarantined'])}")
    if not outcome.ledger["balanced"]:
        wrong.append("the ledger does not balance")
    if tally.refused:
        wrong.append(f"{tally.refused} answers other than done")
    return wrong
