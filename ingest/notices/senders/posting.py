"""POST over HTTP, once, with a judgement of how far the request got. Here httpx is translated.

Each request has a connection of its own: on one that is kept open, a request that meets its end is sent or not, and
nobody knows.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import httpx

from ingest.notices.senders.port import Delivery, Outcome, one_line

TIMEOUT: Final = httpx.Timeout(10.0, connect=5.0)
"""Seconds. The services answer within one; a gateway in between gives up after 10 or more."""
TOTAL_S: Final = 40.0
"""For all of it: an answer that drips byte by byte ends there."""
_TOO_MANY: Final = ("too many", "too fast", "frequency limit", "freq out of limit")
"""Words of the services about their limits, which have had other codes before."""
_TOO_MANY_S: Final = 60.0
MAX_ANSWER_BYTES: Final = 65_536


class Answer(NamedTuple):
    """What a service answered."""

    status: int
    body: bytes
    retry_after_s: float | None

    def fields(self) -> Mapping[str, Any] | None:
        """The answer as a JSON object; None if it is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


@cache
def public_certificates() -> ssl.SSLContext:
    """Trusts public certificates, or those in SSL_CERT_FILE. Reading them takes 50 ms."""
    return httpx.create_ssl_context()


async def post(
    url: str, content: bytes, headers: Mapping[str, str], *, trusted: ssl.SSLContext | None = None
) -> Answer | Delivery:
    """Send the request once. Return the answer, or how far the request got without one. Never shows the address, which
    may hold a secret.
    """
    try:
        async with (
            asyncio.timeout(TOTAL_S),
            httpx.AsyncClient(
                timeout=TIMEOUT, verify=trusted or public_certificates(), follow_redirects=False
            ) as client,
        ):
            request = {"Content-Type": "application/json; charset=utf-8", **headers}
            async with client.stream("POST", url, content=content, headers=request) as response:
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        break
                return Answer(response.status_code, body[:MAX_ANSWER_BYTES], _seconds(response.headers))
    except (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.ProxyError,
    ) as exc:
        return Delivery(Outcome.NOT_SENT, f"cannot be reached: {one_line(exc) or type(exc).__name__}")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as exc:
        return Delivery(Outcome.NOT_SENT, f"the address or its secret makes no request: {type(exc).__name__}")
    except (httpx.TimeoutException, TimeoutError):
        return Delivery(Outcome.UNCONFIRMED, "did not answer in time")
    except httpx.HTTPError as exc:
        return Delivery(Outcome.UNCONFIRMED, f"the connection broke before an answer: {type(exc).__name__}")


def judge_status(answer: Answer) -> Delivery | None:
    """The delivery by the status of an answer; None for 200 to 299, whose body says more."""
    status = answer.status
    if 200 <= status < 300:
        return None
    if status in {429, 503}:
        return Delivery(Outcome.THROTTLED, f"HTTP {status}", answer.retry_after_s)
    if status >= 500:  # a gateway that gave up waiting answers so too
        return Delivery(Outcome.UNCONFIRMED, f"HTTP {status}", answer.retry_after_s)
    return Delivery(Outcome.REFUSED, f"HTTP {status}")


def judge_code(answer: Answer, code_field: str, text_field: str, throttled: Mapping[int, float]) -> Delivery:
    """The delivery by the code in a JSON answer: these services refuse with HTTP 200.

    `throttled`: codes of their limits, and the seconds to wait.
    """
    if (by_status := judge_status(answer)) is not None:
        return by_status
    fields = answer.fields()
    code = None if fields is None else fields.get(code_field)
    if fields is None or not isinstance(code, int) or isinstance(code, bool):
        return Delivery(Outcome.UNCONFIRMED, f"answered without {code_field}: {one_line(answer.body[:80])}")
    if code == 0:
        return Delivery(Outcome.SENT, f"{code_field} 0")
    text = one_line(fields.get(text_field, ""))
    detail = f"{code_field} {code}: {text}"
    if code in throttled or any(words in text.lower() for words in _TOO_MANY):
        return Delivery(Outcome.THROTTLED, detail, throttled.get(code, _TOO_MANY_S))
    return Delivery(Outcome.REFUSED, detail)


def _seconds(headers: httpx.Headers) -> float | None:
    text = headers.get("Retry-After", "")
    return float(text) if text.isdigit() and len(text) < 8 else None
