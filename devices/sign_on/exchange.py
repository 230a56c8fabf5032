"""JSON of the provider by HTTPS: verified, bounded in time and size, no redirect followed.

The only module that imports httpx for the provider.
"""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from devices.sign_on.model import SignOnFailure, SignOnRefused

TIMEOUT_S: Final = 5.0
"""For each step of a request. Somebody waits before an empty page."""
MAX_BYTES: Final = 1 << 20


class Exchange:
    """Asks the provider. Raises SignOnRefused (away) where there is no answer that can be read."""

    def __init__(self, ca_file: Path | None = None) -> None:
        """`ca_file`: certificates in PEM that are trusted instead of the system's. Raises OSError, ssl.SSLError."""
        context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
        self._client = httpx.Client(
            verify=context,
            timeout=TIMEOUT_S,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    def close(self) -> None:
        self._client.close()

    def get(self, url: str, bearer: str | None = None) -> Mapping[str, Any]:
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        return self._asked(self._client.build_request("GET", url, headers=headers))[1]

    def post(
        self, url: str, form: Mapping[str, str], login: tuple[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Send a form; status and content of the answer, also of a refusal (4xx)."""
        request = self._client.build_request("POST", url, data=dict(form))
        return self._asked(request, httpx.BasicAuth(*login) if login else None, may_refuse=True)

    def _asked(
        self, request: httpx.Request, auth: httpx.Auth | None = None, *, may_refuse: bool = False
    ) -> tuple[int, Mapping[str, Any]]:
        try:
            answer = self._client.send(request, auth=auth, stream=True)
            try:
                content = bytearray()
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MAX_BYTES:
                        raise _away(request, f"answers with more than {MAX_BYTES} bytes")
            finally:
                answer.close()
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as exc:
            raise _away(request, f"{type(exc).__name__}: {exc}") from exc
        is_refusal = may_refuse and 400 <= answer.status_code < 500
        if answer.status_code != 200 and not is_refusal:
            raise _away(request, f"answers with status {answer.status_code}")
        try:
            found = json.loads(bytes(content))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            if is_refusal:
                return answer.status_code, {}
            raise _away(request, "does not answer with a JSON object")
        return answer.status_code, found


def _away(request: httpx.Request, why: str) -> SignOnRefused:
    return SignOnRefused(SignOnFailure.AWAY, f"{request.url.copy_with(query=None)}: {why}")
