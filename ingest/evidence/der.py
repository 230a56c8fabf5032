"""Puts the certificates of a time stamp into the order that DER asks of a set.

OpenSSL writes them in the order of the chain, and so do authorities that run on it; rfc3161-client 1.0 refuses that. No
signature covers the order, and nothing else is changed.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

_CERTIFICATES: Final = 0xA0
_PATH: Final = (1, 1, 0)
"""In a response: the token; its content; the signed data in that."""


class _Element(NamedTuple):
    tag: int
    start: int
    content: int
    end: int


def with_sorted_certificates(response: bytes) -> bytes:
    """The same response, or a better one. Bytes that are no such structure come back as they are."""
    try:
        element = _element(response, 0, len(response))
        for index in _PATH:
            element = list(_children(response, element))[index]
        for child in _children(response, element):
            if child.tag == _CERTIFICATES:
                certificates = sorted(response[one.start : one.end] for one in _children(response, child))
                return response[: child.content] + b"".join(certificates) + response[child.end :]
    except IndexError:
        pass
    return response


def _children(der: bytes, parent: _Element) -> Iterator[_Element]:
    at = parent.content
    while at < parent.end:
        child = _element(der, at, parent.end)
        yield child
        at = child.end


def _element(der: bytes, at: int, limit: int) -> _Element:
    """The element at a place. Raises IndexError: it is not whole."""
    tag, length, content = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[content : content + size])
        content += size
    if content + length > limit or tag & 0x1F == 0x1F:
        raise IndexError
    return _Element(tag, at, content, content + length)
