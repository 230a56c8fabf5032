"""What passes between the API, the provider and the accounts.

SignOnRefused    nobody is signed in, for one of the reasons that people are shown
BadMapping       the file with the mapping is wrong; the message says where (devices.sign_on.mapping)
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from devices.errors import OperatorError


class SignOnFailure(StrEnum):
    """Why nobody is signed in; the console has a text for each."""

    AWAY = "away"
    """The provider does not answer, or not as OpenID Connect has it."""
    REFUSED = "refused"
    """The provider, or the person there, said no."""
    EXPIRED = "expired"
    """The answer belongs to no attempt of this browser within the last minutes."""
    INVALID = "invalid"
    """The answer cannot be believed."""
    NO_ROLE = "no-role"
    """The mapping gives this person no role."""
    NO_NAME = "no-name"
    """The provider gives no name that an account may have."""
    NAME_TAKEN = "name-taken"
    """Another account has the name."""
    DISABLED = "disabled"
    BUSY = "busy"
    """Too many attempts."""


class SignOnRefused(OperatorError):
    """Nobody is signed in."""

    def __init__(self, failure: SignOnFailure, detail: str, name: str | None = None) -> None:
        super().__init__(detail)
        self.failure = failure
        self.name = name
        """Of the account that was to be signed in to, where that much is certain."""


class JsonExchange(Protocol):
    """`devices.sign_on.exchange.Exchange`: JSON of the provider. Every method raises SignOnRefused (away)."""

    def get(self, url: str, bearer: str | None = None) -> Mapping[str, Any]: ...

    def post(
        self, url: str, form: Mapping[str, str], login: tuple[str, str] | None = None
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and content of the answer, also of a refusal (4xx)."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What an attempt must remember until the browser comes back."""

    state: str
    """Comes back as it was sent: the answer belongs to this browser's attempt."""
    nonce: str = field(repr=False)
    """Comes back in the token: the token was made for this attempt."""
    verifier: str = field(repr=False)
    """Goes with the code: who stole the code cannot use it (RFC 7636)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The query with which the provider sent the browser back."""

    code: str | None = field(default=None, repr=False)
    issuer: str | None = None
    """RFC 9207."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as a token says whose signature was checked."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]
    id_token: str = field(repr=False)
