"""Plays a scenario: all devices of a city in one process, one connection each, with an exact report of readings."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from devices.city.model import City
from simulators.firmware.clock import ScenarioClock
from simulators.firmware.device import Firmware
from simulators.firmware.link import BrokerAddress, MqttDialer
from simulators.firmware.memory import FolderMemory, replace_text
from simulators.firmware.tally import Tally
from simulators.staging.hostile import send_hostile
from simulators.staging.scenario import Scenario, Script

_REPORT_EVERY_S: Final = 1.0
_MEMORY_FOLDER: Final = "fleet-memory"


async def run_fleet(
    city: City,
    mqtt: BrokerAddress,
    scenario: Scenario,
    clock: ScenarioClock,
    stop: asyncio.Event,
    report_path: Path,
    progress: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> None:
    """Play a scenario from the clock's present on, until `stop`; then deliver all buffers and shut the devices down.

    The report at `report_path` is replaced each second and once more, with `finished` true, at the end. The folder
    beside it is the devices' memory over a restart. `progress` gets each report.

    Raises ScenarioError if the city cannot stage the scenario.
    """
    fleet = _Fleet(scenario.cast(city, clock.now_ms()), mqtt, clock, report_path, progress)
    fleet.report(finished=False)
    async with asyncio.TaskGroup() as tasks:
        reporting = tasks.create_task(fleet.keep_reporting(), name="fleet:report")
        await fleet.run(stop)
        reporting.cancel()
    fleet.report(finished=True)


class _Fleet:
    def __init__(
        self,
        script: Script,
        mqtt: BrokerAddress,
        clock: ScenarioClock,
        report_path: Path,
        progress: Callable[[Mapping[str, Any]], None],
    ) -> None:
        memory = FolderMemory(report_path.parent / _MEMORY_FOLDER)
        self._script = script
        self._clock = clock
        self._report_path = report_path
        self._progress = progress
        self._tally = Tally()
        self._dial = MqttDialer(mqtt)
        self._script_done = False
        self._trips = [asdict(trip) for trip in script.trips]
        self._devices = [
            Firmware(
                device_id,
                timeline(),
                dial=self._dial,
                memory=memory,
                clock=clock,
                tally=self._tally,
                controls=script.controls[device_id],
            )
            for device_id, timeline in script.timelines.items()
        ]

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            for device in self._devices:
                tasks.create_task(device.run(stop), name=f"{device.device_id}:run")
            hostile = send_hostile(
                self._script.hostile, dial=self._dial, clock=self._clock, tally=self._tally, stop=stop
            )
            tasks.create_task(hostile, name="hostile:send")

    async def keep_reporting(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            self.report(finished=False)

    def report(self, *, finished: bool) -> None:
        tally, now_ms = self._tally, self._clock.now_ms()
        buffered = sum(device.buffered for device in self._devices)
        self._script_done = self._script_done or (now_ms >= self._script.end_ms and buffered == 0)
        report = {
            "published": tally.published.total(),
            "messages": tally.messages,
            "by_kind": {str(kind): count for kind, count in sorted(tally.published.items())},
            "unacknowledged": tally.unacknowledged,
            "held": buffered,
            "lost_on_purpose": tally.lost_on_purpose,
            "overwritten": tally.overwritten,
            "device_time": now_ms,
            "caught_up": self._clock.caught_up,
            "script_done": self._script_done,
            "script_end": self._script.end_ms,
            "trips": self._trips,
            "labels": [asdict(label) for label in self._script.labels],
            "devices": len(self._devices),
            "connected": tally.connected,
            "trouble": tally.trouble,
            "finished": finished,
        }
        replace_text(self._report_path, json.dumps(report, indent=1))
        self._progress(report)
