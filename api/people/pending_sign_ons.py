"""Attempts to sign on that are at the provider: kept by the browser, sealed, and good for one answer."""

import hmac
import json
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

from devices.sign_on.model import Pending

LIFETIME_S: Final = 600
"""Time for a person to sign in at the provider, with a second factor."""
_MAX_USED: Final = 10_000
"""States that were used and are not over yet."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the browser brings back."""

    pending: Pending
    earlier: str | None = field(default=None, repr=False)
    """Secret of the session that the browser had when it left: it comes back from another site, without that cookie."""
    alert_id: str | None = None
    """The alert that was open."""


class PendingSignOns:
    """Seals and opens attempts. The key lives as long as the process: an attempt begun before it is over."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._fernet = Fernet(Fernet.generate_key())
        self._used: OrderedDict[str, float] = OrderedDict()

    def seal(self, attempt: Attempt) -> str:
        """A text that nobody else can read or make."""
        pending = attempt.pending
        content = [pending.state, pending.nonce, pending.verifier, attempt.earlier, attempt.alert_id]
        return self._fernet.encrypt_at_time(json.dumps(content).encode(), int(self._clock())).decode()

    def open(self, sealed: str | None, state: str | None) -> Attempt | None:
        """The attempt that this state belongs to, once; None if it is no attempt of this browser, or over."""
        if sealed is None or state is None:
            return None
        now = self._clock()
        try:
            content = json.loads(self._fernet.decrypt_at_time(sealed.encode(), LIFETIME_S, int(now)))
        except (InvalidToken, UnicodeEncodeError):
            return None
        expected, nonce, verifier, earlier, alert_id = content
        if not hmac.compare_digest(expected.encode(), state.encode(errors="replace")) or expected in self._used:
            return None
        self._use(expected, now)
        return Attempt(Pending(expected, nonce, verifier), earlier, alert_id)

    def _use(self, state: str, now: float) -> None:
        while self._used and (len(self._used) >= _MAX_USED or next(iter(self._used.values())) < now - LIFETIME_S):
            self._used.popitem(last=False)
        self._used[state] = now
