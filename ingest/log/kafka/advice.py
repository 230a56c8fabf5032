"""What a person can do about an error of Kafka: login, certificates, rights.

The client says of a refused login only that no broker answers, and names the cause to a callback. `Trouble` keeps it,
so that the error that is raised can say it.
"""

import time
from collections.abc import Callable
from typing import Any, Final

_REMEMBERED_S: Final = 30.0
"""The client tries to connect every two seconds at least, and names the cause each time."""
_LOGIN: Final = (
    "the login is refused: check HAULWATCH_KAFKA_USER, HAULWATCH_KAFKA_PASSWORD[_FILE] and HAULWATCH_KAFKA_MECHANISM"
)
NOT_TRUSTED: Final = "the broker's certificate is not trusted"
"""`ingest.log.kafka.handshake` finds out why."""
_TLS: Final = "TLS fails: see whether the port of HAULWATCH_KAFKA_URL is one with TLS, and the certificates"
_OURS: Final = (
    "the broker does not accept our certificate: set HAULWATCH_KAFKA_CERTIFICATE and _KEY to one of its authority"
)
_RIGHTS: Final = {
    "TOPIC_AUTHORIZATION_FAILED": "the login has no right on the topic: grant it",
    "GROUP_AUTHORIZATION_FAILED": "the login has no right on the group of this reader: grant it Read and Describe",
    "CLUSTER_AUTHORIZATION_FAILED": "the login has no right to write to any topic: grant it Write on the topic",
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED": "the login has no right on the transactional id: grant it Write",
}
_LOGIN_ERRORS: Final = frozenset({"_AUTHENTICATION", "SASL_AUTHENTICATION_FAILED", "UNSUPPORTED_SASL_MECHANISM"})


def advice(name: str, text: str) -> str:
    """What to do about an error, by its name in the client and its text; empty where nothing is known."""
    if name in _LOGIN_ERRORS:
        return _LOGIN
    if (right := _RIGHTS.get(name)) is not None:
        return f"{right} (docs/kafka.md has the list)"
    lowered = text.lower()
    if name == "_SSL":
        if "certificate verify failed" in lowered:
            return NOT_TRUSTED
        return _OURS if "alert" in lowered and "certificate" in lowered else _TLS
    return _TLS if name == "_TRANSPORT" and "connecting to a plaintext broker" in lowered else ""


class Trouble:
    """The last cause, named by the client, why no broker answers; for half a minute. Any thread may call it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._last: tuple[str, float] | None = None

    def note(self, error: Any) -> None:
        """A callback for errors of the client."""
        if hint := advice(error.name(), error.str()):
            self._last = (hint, self._monotonic())

    @property
    def hint(self) -> str:
        """What to do; empty where no cause was named lately."""
        last = self._last
        return "" if last is None or self._monotonic() - last[1] > _REMEMBERED_S else last[0]
