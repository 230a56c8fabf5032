"""One TCP connection of a simulated terminal: frames out, with faults; answers in.

LineDown    nobody answers there, or the connection broke: keep what got no answer, and connect again
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from devices.codecs.jt808 import messages
from devices.codecs.jt808.frame import Frame, FrameError, FrameReader, encode_message, parse_frame

_READ_BYTES: Final = 4_096
_LEAVE_S: Final = 2.0


class LineDown(Exception):
    """No connection. The text names the cause."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How often a terminal makes each fault, from 0 to 1 of its frames."""

    cut: float = 0.0
    """The frame leaves in pieces."""
    merged: float = 0.0
    """It waits, and leaves together with the next one."""
    bad_check: float = 0.0
    """A copy with a wrong check byte goes before it."""
    repeated: float = 0.0
    """It is sent twice, as after an answer that was lost."""
    noise: float = 0.0
    """Bytes that are no frame go before it."""


class Line:
    """An open connection."""

    def __init__(
        self,
        phone: str,
        version: int | None,
        faults: Faults,
        dice: random.Random,
        on_message: Callable[[Frame], None],
    ) -> None:
        """`on_message` gets what the platform sends, but for its answers."""
        self._phone, self._version = phone, version
        self._faults, self._dice = faults, dice
        self._on_message = on_message
        self._serial = dice.randrange(0x1_0000)
        self._answers: dict[tuple[int, int], asyncio.Future[Frame | None]] = {}
        """By id and serial of the message that waits for an answer; None comes where the connection broke."""
        self._held_back = b""
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self, host: str, port: int, timeout_s: float) -> None:
        """Raises LineDown."""
        try:
            async with asyncio.timeout(timeout_s):
                self._reader, self._writer = await asyncio.open_connection(host, port)
        except (OSError, TimeoutError) as exc:
            raise LineDown(str(exc) or "no answer") from exc
        self._reading = asyncio.create_task(self._read(), name=f"jt808 terminal {self._phone}")

    def cut_off(self) -> None:
        """Drop the connection as a power cut does."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._break()

    async def close(self) -> None:
        """Leave in order."""
        if self._writer is not None:
            self._writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(_LEAVE_S):
                    await self._writer.wait_closed()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._break()

    async def ask(self, message_id: int, body: bytes, timeout_s: float) -> Frame | None:
        """Send a message, and return what answers it; None: nothing did in time. Raises LineDown."""
        serial = self._next_serial(body)
        answer: asyncio.Future[Frame | None] = asyncio.get_running_loop().create_future()
        self._answers[message_id, serial] = answer
        try:
            await self._send(Frame(message_id, self._phone, serial, body, self._version))
            async with asyncio.timeout(timeout_s):
                found = await answer
        except TimeoutError:
            return None
        finally:
            self._answers.pop((message_id, serial), None)
        if found is None:
            raise LineDown("the connection broke")
        return found

    async def tell(self, message_id: int, body: bytes) -> None:
        """Send a message that gets no answer. Raises LineDown."""
        await self._send(Frame(message_id, self._phone, self._next_serial(body), body, self._version))

    def _next_serial(self, body: bytes) -> int:
        serial = self._serial
        self._serial = (serial + max(1, -(-len(body) // 1_023))) & 0xFFFF
        return serial

    async def _send(self, message: Frame) -> None:
        if self._writer is None or self._writer.is_closing():
            raise LineDown("the connection is closed")
        try:
            for raw in encode_message(message):
                for piece in self._spoiled(raw):
                    self._writer.write(piece)
                    await self._writer.drain()
        except OSError as exc:
            raise LineDown(str(exc)) from exc

    def _spoiled(self, raw: bytes) -> list[bytes]:
        """The bytes of a frame as they leave, in one or more pieces."""
        faults, dice = self._faults, self._dice
        before = b""
        if dice.random() < faults.noise:
            before += b"AT+CGATT?\r\n"
        if dice.random() < faults.bad_check:
            before += raw[:-2] + bytes([raw[-2] ^ 0x01]) + raw[-1:]
        if dice.random() < faults.repeated:
            before += raw
        out, self._held_back = self._held_back + before + raw, b""
        if dice.random() < faults.merged:
            self._held_back = out
            asyncio.get_running_loop().call_later(0.05, self._release)
            return []
        if dice.random() < faults.cut:
            at = dice.randrange(1, len(out))
            return [out[:at], out[at:]]
        return [out]

    def _release(self) -> None:
        """Send what waited for another frame in vain."""
        if self._held_back and self._writer is not None and not self._writer.is_closing():
            self._writer.write(self._held_back)
            self._held_back = b""

    async def _read(self) -> None:
        frames, reader = FrameReader(), self._reader
        try:
            while reader is not None and (data := await reader.read(_READ_BYTES)):
                for raw in frames.feed(data):
                    with suppress(FrameError):
                        self._take(parse_frame(raw))
        except OSError:
            pass
        finally:
            self._break()

    def _take(self, frame: Frame) -> None:
        key = None
        if frame.message_id == messages.Answer.FROM_PLATFORM:
            answer = messages.Answer.read(frame)
            key = (answer.message_id, answer.serial)
        elif frame.message_id == messages.RegistrationAnswer.ID:
            key = (messages.Registration.ID, messages.RegistrationAnswer.read(frame).serial)
        elif frame.message_id == messages.ServerTime.ID:
            key = next((key for key in self._answers if key[0] == messages.ASK_TIME), None)
        waiting = None if key is None else self._answers.get(key)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame)
        elif key is None:
            self._on_message(frame)

    def _break(self) -> None:
        """Let everybody who waits for an answer go."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.close()
        for answer in self._answers.values():
            if not answer.done():
                answer.set_result(None)
