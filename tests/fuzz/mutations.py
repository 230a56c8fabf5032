"""Mutations of a message: of its bytes, its JSON, its topic and its receive time.

They work on the text, not on values, so that a broken message can be mutated further.
"""

import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from devices.codecs.codec import MAX_PAYLOAD_BYTES
from devices.readings.models import MAX_TS_MS, MIN_TS_MS, MODELS
from ingest.log.records import RawMessage

Mutate = Callable[[Random, bytes, Sequence[RawMessage]], bytes]

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null')
_PAIR = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[^,{}\[\]"]+)')
_TS = re.compile(rb'"ts"\s*:\s*(\d{1,15})')
_SEEN_BYTES: Final = 4_096
"""Tokens are searched in so many bytes at the beginning."""

_FIELDS: Final = sorted({name for model in MODELS.values() for name in model.__struct_fields__})
_NUMBERS: Final = (
    *("0", "-0", "-0.0", "0.0", "1", "1.0", "-1", "1e0", "10E-1", "0.1", "-0.1", "90.00000000000001", "180.0000001"),
    *("5e-324", "1e-400", "1.7976931348623157e308", "1e309", "1e400", "-1e400", "1e99999999999", "NaN", "Infinity"),
    *("-Infinity", "nan", "inf", "01", "+1", ".5", "5.", "0x10", "1_000", "--1", "1e", "12.5.5"),
    *(str(edge + step) for edge in (1 << 31, 1 << 32, 1 << 53, 1 << 63, 1 << 64, MIN_TS_MS, MAX_TS_MS)
      for step in (-1, 0, 1)),
    *("-9223372036854775809", "100.0000001", "250.1", "200000.5", "64", "65", "1e12", "9" * 309, "9" * 4_300),
)  # fmt: skip
_TEXTS: Final = (
    *('""', '" "', '"0"', '"12.5"', '"true"', '"null"', '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00\\ud800"'),
    *('"\\ud83d\\ude00"', '"\ufeff"', '"\\ufeff1"', '"\u202e7654321"', '"\u200b"', '"\x7f"', '"\\n\\r\\t"', '"\u2028"'),
    *('"a\nb"', '"\\x41"', '"\\"', '"\\u12"', '"晋E12345"', '"\U0010ffff"', '"\uffff"', '"\\\\"', '"a,b =\\"c\\\\"'),
    *(f'"{chr(120) * n}"' for n in (16, 17, 64, 65, 10_000)),
    *(f'"{chr(0x1F69B) * n}"' for n in (64, 65)),
)
_OTHERS: Final = ("null", "true", "false", "[]", "{}", "[1]", '{"a": 1}', "[[[]]]", "undefined", "", "/* */", "'x'")
_HOSTILE: Final = (
    *(text.encode("utf-8", "surrogatepass") for text in (*_NUMBERS, *_TEXTS, *_OTHERS)),
    *(b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe6\x99"', b"\xef\xbb\xbf", b"\x00"),
)
_INSERTS: Final = (*(bytes([byte]) for byte in b'\x00\x0b\x1f "\\{}[]:,-e.0'), b"\xef\xbb\xbf", b"\xff", b"\n\n", b"[[")
_HUGE: Final = (
    b"9" * 5_000, b"1." + b"0" * 10_000 + b"1", b"-" + b"9" * 60_000, b"1e" + b"9" * 20_000, b"[" * 100_000,
    b"[" * 30_000 + b"]" * 30_000, b"[" * 190 + b"]" * 190, b'{"a":' * 12_000, b'{"a":' * 150 + b"1" + b"}" * 150,
    b'"' + b"x" * 65_000 + b'"', b'"' + b"\\u0000" * 10_000 + b'"', b"[" + b"1," * 30_000 + b"1]",
    b"{" + b'"ts":1,' * 8_000 + b'"ts":2}', b"[" + b"{}," * 20_000 + b"{}]",
)  # fmt: skip
_TOPIC_PARTS: Final = (
    *("#", "+", "$SYS", "$share", "", " ", "haulwatch", "v1", "v2", "alerts", "command", "ack", "position", "Position"),
    *("weighing", "fill", "throughput", "status", "T1", "P01", "a" * 64, "a" * 65, "..", ".", "-", "T1\n", "T1 "),
    *("晋E", "\x01", "\U0010ffff", "\u202e", "é", "%2e", "x" * 60_000, "\U000e0001" * 200),
)


def mutated(rng: Random, seed: RawMessage, seeds: Sequence[RawMessage]) -> RawMessage:
    """Apply one to five mutations to the payload; rarely change the topic and the receive time too."""
    topic, payload, received_at = seed.topic, seed.payload, seed.received_at
    for _ in range(min(5, 1 + int(rng.expovariate(0.9)))):
        [mutate] = rng.choices(_MUTATIONS, _WEIGHTS)
        payload = mutate(rng, payload, seeds)
    if rng.random() < 0.08:
        topic = _topic(rng, topic)
    if rng.random() < 0.05:
        received_at = rng.choice([0, 1, MIN_TS_MS, MAX_TS_MS, 1 << 53, received_at + rng.randint(-(10**8), 10**8)])
    return RawMessage(topic, payload[: 4 * MAX_PAYLOAD_BYTES], max(0, received_at))


def _flip(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    if not payload:
        return bytes([rng.randrange(256)])
    changed = bytearray(payload)
    for _n in range(rng.choice((1, 1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    at = rng.randint(0, len(payload))
    return payload[:at] + rng.choice(_INSERTS) * rng.choice((1, 1, 2, 20)) + payload[at:]


def _delete(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    at = rng.randint(0, len(payload))
    return payload[:at] + payload[at + rng.choice((1, 1, 2, 5, 30)) :]


def _truncate(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    return payload[: rng.randint(0, len(payload))]


def _random(rng: Random, _: bytes, __: Sequence[RawMessage]) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 2, 16, 200)))


def _token(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    """Replace a key or value with a hostile one."""
    return _replaced(rng, payload, _TOKEN, lambda _found: rng.choice(_HOSTILE))


def _huge(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    return _replaced(rng, payload, _TOKEN, lambda _found: rng.choice(_HUGE))


def _swap(rng: Random, payload: bytes, seeds: Sequence[RawMessage]) -> bytes:
    """Insert a value of another message, often of another type."""
    others = _TOKEN.findall(rng.choice(seeds).payload[:_SEEN_BYTES]) or [b"null"]
    return _replaced(rng, payload, _TOKEN, lambda _found: rng.choice(others))


def _pair(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    """Drop a pair, double it, or add a pair with a valid or invalid name."""

    def change(found: bytes) -> bytes:
        key = rng.choice((found.split(b":")[0], f'"{rng.choice(_FIELDS)}"'.encode(), rng.choice(_HOSTILE)))
        return rng.choice((b'"x":0', found + b"," + key + b":" + rng.choice(_HOSTILE)))

    return _replaced(rng, payload, _PAIR, change)


def _time(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    """Move device time: by milliseconds, by the reorder window, an hour, a day."""
    step = rng.choice((1, 1_000, 30_000, 119_199, 119_201, 3_600_000, 86_400_000)) * rng.choice((-1, 1))
    return _replaced(rng, payload, _TS, lambda found: b'"ts":%d' % (int(found.rpartition(b":")[2]) + step))


def _array(rng: Random, payload: bytes, seeds: Sequence[RawMessage]) -> bytes:
    """Make an upload: of copies, of other messages, of arrays."""
    inside = payload.strip()
    inside = inside[1:-1] if inside[:1] == b"[" else inside
    other = rng.choice((inside, rng.choice(seeds).payload, b"[" + inside + b"]", rng.choice(_HOSTILE)))
    count = rng.choice((0, 1, 2, 5)) if rng.random() < 0.95 else 65_000 // (len(inside) + 1)
    return b"[" + b",".join([inside] * count + [other] * rng.randint(0, 2)) + b"]"


def _pad(rng: Random, payload: bytes, _: Sequence[RawMessage]) -> bytes:
    """Pad to the size limit, and to one byte beyond."""
    size = MAX_PAYLOAD_BYTES + rng.choice((-1, 0, 1))
    return rng.choice((payload.ljust(size), payload.rjust(size), payload.ljust(size, b"\x00")))


def _replaced(rng: Random, payload: bytes, pattern: re.Pattern[bytes], change: Callable[[bytes], bytes]) -> bytes:
    found = list(pattern.finditer(payload[:_SEEN_BYTES]))
    if not found:
        return payload
    match = rng.choice(found)
    return payload[: match.start()] + change(match[0]) + payload[match.end() :]


def _topic(rng: Random, topic: str) -> str:
    parts = topic.split("/")
    at = rng.randrange(len(parts))
    match rng.randrange(4):
        case 0:
            parts[at] = rng.choice(_TOPIC_PARTS)
        case 1:
            parts.insert(at, rng.choice(_TOPIC_PARTS))
        case 2:
            del parts[at]
        case _:
            parts[2:3] = [rng.choice("abZ9") + "".join(rng.choices("az09_.-", k=rng.choice((0, 1, 62, 63, 64))))]
    return "/".join(parts)


_MUTATIONS, _WEIGHTS = zip(
    *((_token, 30), (_time, 18), (_swap, 10), (_pair, 10), (_flip, 10), (_insert, 6), (_delete, 6), (_array, 6)),
    *((_truncate, 2), (_random, 1), (_huge, 0.4), (_pad, 0.1)),
    strict=True,
)
"""Expensive ones are rare: a message of 64 KiB costs as much as three hundred others."""
