"""Opens the port of an indicator: a serial line, or TCP through a converter. The only place that imports pyserial.

PortUnavailable    the port cannot be opened, or broke: open it again after a pause
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import serial_asyncio_fast as serial_asyncio
from serial import EIGHTBITS, PARITY_EVEN, PARITY_NONE, PARITY_ODD, SEVENBITS, SerialException

from devices.codecs.scale.settings import ScaleSettings
from ingest.process.pause import end_if_cancelled

READ_BYTES: Final = 4_096
OPEN_S: Final = 10.0
"""For a TCP connection to a converter in the site's own network."""
QUIET_S: Final = 30.0
"""An indicator that is connected sends without end; a port that is silent for so long is opened again."""
_PARITY: Final = {"none": PARITY_NONE, "even": PARITY_EVEN, "odd": PARITY_ODD}


class PortUnavailable(Exception):
    """The port cannot be opened, or it broke or fell silent. The text names the cause."""


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial line of this machine, such as /dev/ttyS0."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class TcpPort:
    """A converter from serial to TCP, or an indicator with a network card."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


Port = SerialPort | TcpPort


class OpenPort:
    """An open port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """What came, at least one byte. Raises PortUnavailable."""
        try:
            async with asyncio.timeout(QUIET_S):
                data = await self._reader.read(READ_BYTES)
        except TimeoutError:
            end_if_cancelled()
            raise PortUnavailable(f"nothing came for {QUIET_S:.0f} s") from None
        except (OSError, SerialException) as exc:
            raise PortUnavailable(str(exc)) from exc
        if not data:
            raise PortUnavailable("the other side closed it")
        return data

    async def write(self, data: bytes) -> None:
        """Raises PortUnavailable."""
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (OSError, SerialException) as exc:
            raise PortUnavailable(str(exc)) from exc


@asynccontextmanager
async def open_port(port: Port, settings: ScaleSettings) -> AsyncIterator[OpenPort]:
    """Open a port for the length of the block. Raises PortUnavailable."""
    try:
        async with asyncio.timeout(OPEN_S):
            reader, writer = await _streams(port, settings)
    except TimeoutError:
        end_if_cancelled()
        raise PortUnavailable(f"does not answer within {OPEN_S:.0f} s") from None
    except (OSError, SerialException, ValueError) as exc:
        raise PortUnavailable(str(exc)) from exc
    try:
        yield OpenPort(reader, writer)
    finally:
        writer.close()
        with suppress(OSError, SerialException):
            await writer.wait_closed()


async def _streams(port: Port, settings: ScaleSettings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if isinstance(port, TcpPort):
        return await asyncio.open_connection(port.host, port.port, limit=READ_BYTES)
    return await serial_asyncio.open_serial_connection(
        url=port.path,
        limit=READ_BYTES,
        baudrate=settings.baud,
        bytesize=SEVENBITS if settings.data_bits == 7 else EIGHTBITS,
        parity=_PARITY[settings.parity],
        stopbits=settings.stop_bits,
        exclusive=True,
    )
