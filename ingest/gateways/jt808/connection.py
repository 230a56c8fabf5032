"""One TCP connection of a terminal: its bytes become frames, and each frame is carried out before the next is read.

So a connection holds no more than one read of 8 KiB and one unfinished frame, and an idle one has no task.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol, cast

from devices.codecs.jt808.frame import FrameReader
from ingest.gateways.jt808.figures import Counts, Refused
from ingest.gateways.jt808.parts import Budget, PartStore
from ingest.gateways.jt808.session import Policy, Reply, Session, Step, TerminalClocks
from ingest.gateways.publisher import NotPublished

READ_BYTES: Final = 8_192
DIALECT: Final = "jt808"
_UNREAD_ANSWERS_BYTES: Final = 32_768
"""Some two thousand answers. A terminal that leaves so many unread is cut off."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What terminals may do."""

    connections: int = 12_000
    idle_s: float = 600.0
    sign_in_s: float = 60.0
    """From the connection to the right code."""
    frames_per_s: float = 20.0
    """Of one terminal. One that sends more is read more slowly; nothing of it is lost."""
    burst_frames: int = 200
    message_bytes: int = 65_536
    """Of one message on the wire, with all its parts."""
    parts_bytes: int = 64 << 20
    """Unfinished messages of all terminals."""


class Publisher(Protocol):
    """The part of `ingest.gateways.publisher.GatewayPublisher` that a connection needs."""

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None: ...


class Owner(Protocol):
    """What the server is to its connections."""

    buffer: memoryview
    """Bytes are read into it, and copied out before the next connection reads."""
    limits: Limits
    policy: Policy
    counts: Counts
    budget: Budget
    clocks: TerminalClocks

    @property
    def publisher(self) -> Publisher: ...

    def now(self) -> float:
        """Seconds of the event loop's clock."""

    def now_ms(self) -> int:
        """Wall clock, ms since 1970 UTC."""

    def opened(self, connection: "Connection") -> bool:
        """Return whether there is room for it."""

    def closed(self, connection: "Connection") -> None: ...

    def frames_came(self, connection: "Connection") -> None:
        """Have `connection.work()` run in a task."""

    async def signed_in(self, connection: "Connection") -> None: ...

    async def replied(self, connection: "Connection", reply: Reply) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """The protocol of asyncio for one terminal."""

    __slots__ = (
        "_ending", "_frames", "_owner", "_parts", "_reader", "_tokens", "_tokens_at", "_transport", "heard_at",
        "number", "opened_at", "session",
    )  # fmt: skip

    def __init__(self, number: int, owner: Owner) -> None:
        """`number`: of this connection, from 1; never used again."""
        self.number = number
        self._owner = owner
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._frames: deque[bytes] = deque()
        self._parts = PartStore(owner.budget, owner.limits.message_bytes, self._refuse)
        self.session = Session(owner.policy, self._parts, owner.clocks, owner.now_ms)
        self.opened_at = self.heard_at = self._tokens_at = owner.now()
        self._tokens = float(owner.limits.burst_frames)
        self._ending = False

    @property
    def who(self) -> str:
        """Phone number, or address of a terminal that has not signed in."""
        peer = None if self._transport is None else self._transport.get_extra_info("peername")
        return self.session.phone or (peer[0] if peer else "a terminal")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_UNREAD_ANSWERS_BYTES)
        if not self._owner.opened(self):
            self.cut(Refused.CONNECTION_LIMIT)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ending = True
        self._frames.clear()
        self._parts.clear()
        self._owner.closed(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._owner.buffer

    def buffer_updated(self, nbytes: int) -> None:
        self.heard_at = self._owner.now()
        noise, too_long = self._reader.noise_bytes, self._reader.too_long
        self._frames += self._reader.feed(bytes(self._owner.buffer[:nbytes]))
        if self._reader.too_long > too_long or self._reader.noise_bytes > noise:
            self._follow_now(self.session.strike(Refused.NOT_A_FRAME))
        if self._frames and self._transport is not None and not self._ending:
            self._transport.pause_reading()
            self._owner.frames_came(self)

    def pause_writing(self) -> None:
        self.cut(Refused.NOT_READING)

    async def work(self) -> None:
        """Carry out the frames that came. The terminal's next bytes are read after that."""
        while self._frames and not self._ending:
            await self._keep_to_the_rate()
            if self._frames:  # else the connection broke meanwhile
                self._owner.counts.received += 1
                await self._follow(self.session.take(self._frames.popleft(), self._owner.now()))
        if self._transport is not None and not self._ending:
            self._transport.resume_reading()

    async def _follow(self, step: Step) -> None:
        if step.is_data and not await self._publish(step):
            return  # no answer: the terminal keeps it and sends it again
        self._follow_now(step)
        if step.signed_in:
            await self._owner.signed_in(self)
        if step.payload and not step.is_data:
            await self._publish(step)
        if step.reply is not None:
            await self._owner.replied(self, step.reply)

    def _follow_now(self, step: Step) -> None:
        if step.refused is not None:
            self._refuse(step.refused)
        for answer in step.answers:
            self.write(answer)
        if step.ends:
            self.finish()

    async def _publish(self, step: Step) -> bool:
        """Return whether the broker took it."""
        counts = self._owner.counts
        try:
            await self._owner.publisher.publish(step.phone, DIALECT, step.payload)
        except NotPublished as exc:
            counts.not_published += 1
            _log.debug("jt808: %s: not published: %s", step.phone, exc)
            return False
        counts.published += 1
        return True

    async def _keep_to_the_rate(self) -> None:
        limits, now = self._owner.limits, self._owner.now()
        self._tokens = min(limits.burst_frames, self._tokens + (now - self._tokens_at) * limits.frames_per_s)
        self._tokens_at = now
        self._tokens -= 1
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / limits.frames_per_s)

    def write(self, raw: bytes) -> None:
        """Send a frame, unless the connection ends."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(raw)

    def tend(self, now: float) -> None:
        """Ask for overdue parts; end a connection that is idle, or whose terminal did not sign in in time."""
        if now - self.heard_at > self._owner.limits.idle_s:
            self.cut(Refused.IDLE)
        elif not self.session.phone and now - self.opened_at > self._owner.limits.sign_in_s:
            self.cut(Refused.NEVER_SIGNED_IN)
        elif len(self._parts):
            for raw in self.session.resend_requests(now):
                self.write(raw)

    def cut(self, reason: Refused) -> None:
        """End the connection at once, also one that `finish` ended and whose terminal takes no answers."""
        if not self._ending:
            self._refuse(reason)
        self._ending = True
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self, reason: Refused) -> None:
        self._owner.counts.refuse(reason, self.who, self._owner.now())

    def finish(self) -> None:
        """End the connection when what was answered is sent."""
        self._ending = True
        if self._transport is not None:
            self._transport.close()
