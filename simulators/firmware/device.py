"""Firmware of one device: senses, publishes at QoS 1, buffers while offline, uploads later, carries out commands.

Sequence numbers count readings. A reading is numbered when it is taken, keeps its number in the buffer and in an array,
and is sent with the same bytes each time. It leaves the buffer only after its PUBACK.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterator
from enum import Enum, auto
from typing import Final

from msgspec.structs import replace

from devices.codecs.native import encode
from devices.codecs.topics import command_ack_topic, reading_topic
from devices.readings.models import Kind, Reading, Status
from simulators.firmware.buffer import Buffer, PendingReading
from simulators.firmware.clock import Clock
from simulators.firmware.events import DeviceEvent, Heartbeat, NetworkDown, NetworkUp, PowerCut, Sensed
from simulators.firmware.link import Dial, LastWill, Link, LinkLost
from simulators.firmware.memory import Counters, DeviceMemory
from simulators.firmware.orders import Controls, Orders
from simulators.firmware.tally import Tally

FIRMWARE: Final = "haulwatch-sim-1"
_BUFFER_CAPACITY: Final = 5_000
"""About 14 hours of a moving truck."""
_FIRST_BACK_OFF_S: Final = 0.5
_LONGEST_BACK_OFF_S: Final = 30.0
_BOOT_S: Final = 2.0


class _Ending(Enum):
    NONE = auto()
    SHUTDOWN = auto()
    """Deliver everything, then publish a shutdown status."""
    POWER_CUT = auto()
    """Sense nothing more; the broker publishes the last will."""


class Firmware:
    """Runs one device; `timeline` gives its events in order of device time."""

    def __init__(
        self,
        device_id: str,
        timeline: Iterator[DeviceEvent],
        *,
        dial: Dial,
        memory: DeviceMemory,
        clock: Clock,
        tally: Tally,
        controls: Controls,
    ) -> None:
        self.device_id = device_id
        self._timeline = timeline
        self._dial = dial
        self._counters = Counters(device_id, memory)
        self._orders = Orders(device_id, controls, memory)
        self._commands: deque[bytes] = deque()
        self._answers: deque[bytes] = deque()
        self._reboot_requested = False
        self._clock = clock
        self._tally = tally
        self._rng = random.Random(device_id)  # noqa: S311  a jitter, not a secret
        self._buffer = Buffer(_BUFFER_CAPACITY)
        self._wake = asyncio.Event()
        self._ending = _Ending.NONE
        self._network_up = True
        self._linked = False
        self._broken: LinkLost | None = None
        self._session = 0
        self._session_start_ms = 0
        self._last_status_ms = 0
        self._booted_ms = clock.now_ms()

    @property
    def buffered(self) -> int:
        """Readings not yet acknowledged."""
        return len(self._buffer)

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set, then deliver the buffer and publish a shutdown status."""
        async with asyncio.TaskGroup() as tasks:
            sensing = tasks.create_task(self._sense(), name=f"{self.device_id}:sense")
            tasks.create_task(self._deliver(), name=f"{self.device_id}:deliver")
            await stop.wait()
            sensing.cancel()
            if self._ending is _Ending.NONE:
                self._end(_Ending.SHUTDOWN)
        self._counters.close()

    async def _sense(self) -> None:
        for event in self._timeline:
            await self._clock.wait_until(event.at_ms)
            match event:
                case Sensed():
                    self._take(event)
                case Heartbeat():
                    self._beat(event.at_ms)
                case NetworkDown():
                    self._network_up = False
                    self._buffer.went_offline()
                case NetworkUp():
                    self._network_up = True
                    self._wake.set()
                case PowerCut():
                    self._end(_Ending.POWER_CUT)
                    return

    def _take(self, sensed: Sensed) -> None:
        reading = self._orders.sensed(sensed.reading)
        numbered: Reading = replace(reading, seq=self._counters.next_seq())
        if sensed.copies == 0:
            self._tally.lost_on_purpose += 1
        for _ in range(sensed.copies):
            self._add(PendingReading(numbered.kind, encode(numbered)))

    def _beat(self, at_ms: int) -> None:
        """Buffer a heartbeat, unless the device is offline or has just published a status."""
        if self._linked and self._network_up and at_ms > self._last_status_ms:
            self._add(self._status("heartbeat", at_ms))

    def _add(self, pending: PendingReading) -> None:
        if not self._buffer.add(pending, online=self._linked and self._network_up):
            self._tally.overwritten += 1
        self._wake.set()

    def _end(self, ending: _Ending) -> None:
        self._ending = ending
        self._wake.set()

    async def _deliver(self) -> None:
        failures = 0
        while True:
            self._begin_session()
            try:
                async with self._dial(self.device_id, self._will()) as link:
                    failures = 0
                    await self._serve(link)
                if not self._reboot_requested or self._ending is _Ending.POWER_CUT:
                    return
                await self._boot()
                continue
            except LinkLost as exc:
                self._tally.trouble = f"{self.device_id}: {exc}"
            if self._ending is _Ending.POWER_CUT:
                self._tally.lost_on_purpose += self._buffer.clear()
                return
            if self._ending is _Ending.SHUTDOWN and failures:
                return
            failures += 1
            await self._clock.rest(self._back_off_s(failures))

    async def _serve(self, link: Link) -> None:
        """Deliver over one open link until the device ends or reboots. Raises LinkLost."""
        with self._tally.connection():
            self._linked, self._broken = True, None
            listening = asyncio.create_task(self._listen(link), name=f"{self.device_id}:listen")
            try:
                await self._publish(link, (self._status("birth", self._session_start_ms + 1),))
                await self._deliver_all(link)
                if self._ending is _Ending.POWER_CUT:
                    await link.cut()
                    self._tally.will_is_due()
                    self._tally.lost_on_purpose += self._buffer.clear()
                else:
                    await self._publish(link, (self._status("shutdown", self._clock.now_ms()),))
            except LinkLost as exc:
                self._tally.connection_broke(f"{self.device_id}: {exc}")
                raise
            finally:
                listening.cancel()
                await asyncio.wait([listening])
                self._linked = False
                self._buffer.went_offline()

    async def _listen(self, link: Link) -> None:
        """Queue commands while the link is open, and note when it breaks."""
        try:
            async for payload in link.commands(self.device_id):
                self._commands.append(payload)
                self._wake.set()
        except LinkLost as exc:
            self._broken = exc
            self._wake.set()

    async def _deliver_all(self, link: Link) -> None:
        """Return when the device reboots, or ends with nothing left to send (or with no network, after a power cut)."""
        while True:
            can_send = self._network_up or self._ending is _Ending.SHUTDOWN
            if self._broken is not None:
                raise self._broken
            if can_send and self._commands:
                self._execute(self._commands.popleft())
            elif can_send and self._answers:
                await link.publish(command_ack_topic(self.device_id), self._answers[0])
                self._answers.popleft()
            elif self._reboot_requested:
                return
            elif can_send and (batch := self._buffer.next_batch()):
                await self._publish(link, batch)
                self._buffer.delivered(batch)
            elif self._ending is not _Ending.NONE:
                return
            else:
                self._wake.clear()
                await self._wake.wait()

    async def _publish(self, link: Link, batch: tuple[PendingReading, ...]) -> None:
        first = batch[0]
        payload = first.payload if len(batch) == 1 else b"[" + b",".join(pending.payload for pending in batch) + b"]"
        with self._tally.sending(first.kind, len(batch)):
            await link.publish(
                reading_topic(self.device_id, first.kind), payload, retain=first.session == self._session
            )

    def _execute(self, payload: bytes) -> None:
        result = self._orders.execute(payload, self._clock.now_ms())
        if result is None:
            return
        if result.report is not None:
            self._take(Sensed(result.report.ts, result.report))
        self._answers.append(result.answer.payload())
        self._reboot_requested = self._reboot_requested or result.reboot

    async def _boot(self) -> None:
        """Boot again. Buffer, commands and answers survive; sensors keep running."""
        self._reboot_requested = False
        await self._clock.rest(_BOOT_S)
        self._booted_ms = self._clock.now_ms()

    def _begin_session(self) -> None:
        """Start a session. Its will is dated to its start and its birth 1 ms later: they never share an instant."""
        self._session = self._counters.next_session()
        self._session_start_ms = max(self._clock.now_ms() - 1, self._last_status_ms + 1)
        self._last_status_ms = self._session_start_ms

    def _will(self) -> LastWill:
        will = Status(
            device_id=self.device_id, ts=self._session_start_ms, online=False, session=self._session, cause="will"
        )
        return LastWill(reading_topic(self.device_id, Kind.STATUS), encode(will))

    def _status(self, cause: str, at_ms: int) -> PendingReading:
        self._last_status_ms = max(at_ms, self._last_status_ms + 1)
        status = Status(
            device_id=self.device_id,
            ts=self._last_status_ms,
            seq=self._counters.next_seq(),
            online=cause != "shutdown",
            session=self._session,
            cause=cause,  # type: ignore[arg-type]  # one of three literals above, checked by the model
            firmware=FIRMWARE,
            buffered=len(self._buffer),
            uptime_s=max(0, at_ms - self._booted_ms) / 1000,
        )
        return PendingReading(Kind.STATUS, encode(status), self._session)

    def _back_off_s(self, failures: int) -> float:
        longest = min(_LONGEST_BACK_OFF_S, _FIRST_BACK_OFF_S * 2.0 ** (failures - 1))
        return longest * self._rng.uniform(0.5, 1.0)
