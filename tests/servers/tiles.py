"""A tile service on loopback that writes down what it is asked for, and the pictures and archives it gives."""

import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

Colour = tuple[int, int, int]
TILE_PX: Final = 256
MVT, PNG = 1, 2
"""Kinds of tiles in an archive."""


def png(rows: Sequence[Sequence[Colour]]) -> bytes:
    """A picture in true colour (ISO/IEC 15948)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + bytes(value for colour in row for value in colour) for row in rows)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def plain(colour: Colour) -> bytes:
    return png([[colour] * TILE_PX] * TILE_PX)


def water() -> bytes:
    """A vector tile (MVT 2.1) that is water from edge to edge."""

    def field(number: int, data: bytes) -> bytes:
        return _varint(number << 3 | 2) + _varint(len(data)) + data

    def zigzag(number: int) -> int:
        return number << 1 if number >= 0 else -number << 1 | 1

    extent = 4_096
    begin, line, close = 1 << 3 | 1, 3 << 3 | 2, 1 << 3 | 7
    steps = [0, 0, extent, 0, 0, extent, -extent, 0]
    geometry = [begin, *map(zigzag, steps[:2]), line, *map(zigzag, steps[2:]), close]
    polygon = 3
    feature = _varint(3 << 3) + _varint(polygon) + field(4, b"".join(map(_varint, geometry)))
    layer = field(1, b"water") + field(2, feature) + _varint(5 << 3) + _varint(extent) + _varint(15 << 3) + _varint(2)
    return field(3, layer)


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def pmtiles(content: bytes, *, max_zoom: int, kind: int = PNG, metadata: bytes = b"{}") -> bytes:
    """An archive of version 3 (the specification's own names) in which every tile has this content."""
    tiles = sum(4**zoom for zoom in range(max_zoom + 1))
    root = _varint(1) + _varint(0) + _varint(tiles) + _varint(len(content)) + _varint(1)
    at_metadata = 127 + len(root)
    at_tiles = at_metadata + len(metadata)
    sections = (127, len(root), at_metadata, len(metadata), at_tiles, 0, at_tiles, len(content), tiles, 1, 1)
    uncompressed = 1
    header = struct.pack("<7sB11Q", b"PMTiles", 3, *sections)
    header += struct.pack("<6B", 1, uncompressed, uncompressed, kind, 0, max_zoom)
    header += struct.pack("<4iB2i", -1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000, 0, 0, 0)
    assert len(header) == 127
    return header + root + metadata + content


class TileHost:
    """What the service answers, and what it was asked. `picture` gives the tile of (z, x, y), or None."""

    def __init__(self, picture: Callable[[int, int, int], bytes | None]) -> None:
        self.picture = picture
        self.status = 200
        self.media_type = "image/png"
        self.asked: list[str] = []
        self.url = ""

    def tile_of(self, path: str) -> bytes | None:
        z, x, y = (int(part) for part in path.partition("?")[0].strip("/").split("/")[-3:])
        return self.picture(z, x, y)


@contextmanager
def tile_host(picture: Callable[[int, int, int], bytes | None]) -> Iterator[TileHost]:
    """Serves `/…/z/x/y` on a free port until the end of the block."""
    host = TileHost(picture)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host.asked.append(self.path)
            content = host.tile_of(self.path) if host.status == 200 else b"{}"
            self.send_response(404 if content is None else host.status)
            self.send_header("Content-Type", host.media_type)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield host
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
