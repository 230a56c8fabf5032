"""What the tests of the gateway share: frames of a terminal, a session, and a publisher that a test steers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from devices.codecs.jt808 import messages
from devices.codecs.jt808.body import time_field
from devices.codecs.jt808.frame import Frame, encode_frame, parse_frame
from devices.codecs.jt808.location import LOCATION
from devices.commands.model import Acknowledgement
from ingest.gateways.jt808.codes import Codes
from ingest.gateways.jt808.figures import Refused
from ingest.gateways.jt808.parts import Budget, PartStore
from ingest.gateways.jt808.session import Policy, Session, Step, TerminalClocks
from ingest.gateways.publisher import ForDevice, NotPublished

PHONE: Final = "013912345678"
PHONE_2019: Final = "00000000013912345678"
T0: Final = 1_790_000_000_000
CODES: Final = Codes(b"a secret of sixteen bytes or more")
POLICY: Final = Policy(CODES)


def frame(message_id: int, body: bytes = b"", serial: int = 7, phone: str = PHONE, **more: Any) -> bytes:
    """A frame as on the wire; `more`: other fields of `Frame`."""
    version = None if len(phone) == 12 else 1
    return encode_frame(Frame(message_id, phone, serial, body, version, **more))


def location(ts_ms: int = T0, serial: int = 7, phone: str = PHONE) -> bytes:
    return frame(LOCATION, bytes(22) + time_field(ts_ms), serial, phone)


def authentication(code: str, phone: str = PHONE) -> bytes:
    version = None if len(phone) == 12 else 1
    return frame(messages.Authentication.ID, messages.Authentication(code).body(version), 2, phone)


def answers(step: Step) -> list[messages.Answer]:
    """The general answers of a step."""
    return [messages.Answer.read(parse_frame(raw)) for raw in step.answers]


class Talk:
    """A session, and the clock by which it lives."""

    def __init__(self, policy: Policy = POLICY, message_bytes: int = 65_536, clocks: TerminalClocks | None = None):
        self.now, self.now_ms = 100.0, T0
        self.budget = Budget(1 << 20)
        self.given_up: list[Refused] = []
        store = PartStore(self.budget, message_bytes, self.given_up.append)
        self.session = Session(policy, store, TerminalClocks() if clocks is None else clocks, lambda: self.now_ms)

    def send(self, raw: bytes) -> Step:
        return self.session.take(raw, self.now)

    def sign_in(self, phone: str = PHONE) -> Step:
        return self.send(authentication(CODES.code_of(phone), phone))


class FakePublisher:
    """Stands for the broker: takes messages while `takes` is set, and keeps them."""

    def __init__(self) -> None:
        self.connected = True
        self.takes = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.published: list[tuple[str, bytes]] = []
        self.acknowledged: list[tuple[str, Acknowledgement]] = []
        self.orders: asyncio.Queue[ForDevice] = asyncio.Queue()

    async def publish(self, device_id: str, dialect: str, payload: bytes) -> None:
        await self.gate.wait()
        if not self.takes:
            raise NotPublished("the broker is away")
        self.published.append((f"{device_id}/{dialect}", payload))

    async def acknowledge(self, device_id: str, answer: Acknowledgement) -> None:
        if not self.takes:
            raise NotPublished("the broker is away")
        self.acknowledged.append((device_id, answer))

    async def commands(self) -> AsyncIterator[ForDevice]:
        while True:
            yield await self.orders.get()
