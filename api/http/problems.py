"""Errors of the API as RFC 9457 problem JSON.

RequestRefused   raised by a route: kind of problem, detail, faults of the request, headers such as Retry-After

Exceptions of the stores become 503, every other exception becomes 500.
"""

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from api.http.headers import SECURITY_HEADERS
from devices.db.database import DatabaseError
from ingest.ledger.state_file import StateUnavailable
from ingest.log.raw_log import RawLogError
from ingest.store import StoreUnavailable

_log = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 5
"""Sent when a part is unavailable and gives no delay of its own."""


class Fault(BaseModel):
    """One fault in the request."""

    field: str = Field(description="Where the fault is: `query.start`, `body.actor`, `path.device_id`")
    hint: str = Field(description="What is expected there")


class Problem(BaseModel):
    """An error, as RFC 9457 defines it."""

    type: str = Field(description="The kind of problem, as a stable name", examples=["urn:haulwatch:problem:not-found"])
    title: str = Field(description="The kind of problem, as text")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What happened in this request, and what to do about it")
    instance: str = Field(description="The requested path")
    errors: list[Fault] = Field(default_factory=list, description="The single faults of the request, if there are any")


class ProblemKind(Enum):
    """The closed list of problems: type suffix, HTTP status, title."""

    BAD_REQUEST = ("bad-request", 400, "The request cannot be read")
    BAD_CREDENTIALS = ("bad-credentials", 401, "Name and password do not belong together")
    UNAUTHORIZED = ("unauthorized", 401, "A session or a valid token is required")
    CSRF = ("csrf", 403, "The token of the page is missing")
    FORBIDDEN = ("forbidden", 403, "The role does not allow this")
    WRITES_OFF = ("writes-off", 403, "Writing is switched off")
    NOT_FOUND = ("not-found", 404, "Not found")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "The resource does not support this method")
    CANNOT_DO = ("cannot-do", 409, "The device cannot do this")
    ALREADY_CLOSED = ("already-closed", 409, "The alert is closed")
    ALREADY_DECIDED = ("already-decided", 409, "The suspected site is in that state already")
    CASE_STATE = ("case-state", 409, "The state of the case does not allow this")
    MANIFEST_STATE = ("manifest-state", 409, "The state of the manifest does not allow this")
    ALERT_TAKEN = ("alert-taken", 409, "An open case holds the alert")
    NO_PLACE = ("no-place", 409, "The case has no place or no time")
    ALREADY_REDRIVEN = ("already-redriven", 409, "The dead letter was redriven before")
    OUTDATED = ("outdated", 409, "Another version holds meanwhile")
    JOB_RUNS = ("job-runs", 409, "Another job of this kind runs")
    SPOILED = ("spoiled", 409, "The file is not what was attached")
    NOT_MADE = ("not-made", 409, "The evidence pack cannot be made")
    NO_SIGNING_KEY = ("no-signing-key", 409, "There is no key to sign evidence with")
    NO_INFORMANT_KEY = ("no-informant-key", 409, "The name of an informant cannot be sealed or read")
    NO_PUBLIC_ADDRESS = ("no-public-address", 409, "The public address of this server is not set")
    NOT_KEPT = ("not-kept", 409, "The dead letter stands for messages that were not kept")
    CHANGED_MEANWHILE = ("changed-meanwhile", 412, "The entry is another than the one you saw")
    TOO_LARGE = ("too-large", 413, "The request body is too large")
    RANGE = ("range", 416, "The range of bytes cannot be given")
    UNKNOWN_HOST = ("unknown-host", 421, "The host name is not this server's")
    INVALID = ("invalid", 422, "The request has faults")
    CONDITION_NEEDED = ("condition-needed", 428, "Say which state of the entry you change")
    LOCKED_OUT = ("locked-out", 429, "Too many attempts to sign in")
    TOO_BUSY = ("too-busy", 429, "Too many large requests at once")
    NO_ROOM = ("no-room", 507, "There is no room for files")
    INTERNAL = ("internal", 500, "Internal error")
    UNAVAILABLE = ("unavailable", 503, "A part is temporarily unavailable")

    @property
    def slug(self) -> str:
        return self.value[0]

    @property
    def status(self) -> int:
        return self.value[1]

    @property
    def title(self) -> str:
        return self.value[2]

    @property
    def urn(self) -> str:
        return f"urn:haulwatch:problem:{self.slug}"


WRITE_REFUSED: Final = (ProblemKind.WRITES_OFF, ProblemKind.CSRF, ProblemKind.FORBIDDEN)
"""Why a caller may not write."""

_PART_OF_ERROR: Final[dict[type[Exception], str]] = {
    StoreUnavailable: "time-series store",
    DatabaseError: "database",
    StateUnavailable: "recorder's ledger",
    RawLogError: "raw log",
}
"""The part that is temporarily unavailable, by exception."""
_KIND_OF_STATUS: Final = {kind.status: kind for kind in ProblemKind}


class RequestRefused(Exception):
    """The request is refused; the response is this problem."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = headers


def not_found(what: str, key: str, hint: str) -> RequestRefused:
    """A 404. `key` comes from the client: only its first 64 characters are repeated."""
    shown_key = key if len(key) <= 64 else key[:63] + "…"
    return RequestRefused(ProblemKind.NOT_FOUND, f"{what} {shown_key!r} does not exist: {hint}")


def invalid(field: str, hint: str) -> RequestRefused:
    """A 422 with one fault."""
    return RequestRefused(ProblemKind.INVALID, f"{field}: {hint}", errors=[Fault(field=field, hint=hint)])


def problem_response(
    kind: ProblemKind,
    detail: str,
    instance: str,
    *,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=kind.urn,
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=instance,
        errors=list(errors),
    )
    content = problem.model_dump(exclude={"errors"} if not errors else None)
    return JSONResponse(content, kind.status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Register the handlers that turn every exception into a problem."""
    app.add_exception_handler(RequestRefused, _refused)
    for error in _PART_OF_ERROR:
        app.add_exception_handler(error, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)


async def _refused(request: Request, exc: Exception) -> JSONResponse:
    exc = cast("RequestRefused", exc)
    return problem_response(exc.kind, exc.detail, request.url.path, errors=exc.errors, headers=exc.headers)


async def _unavailable(request: Request, exc: Exception) -> JSONResponse:
    part = next(name for error, name in _PART_OF_ERROR.items() if isinstance(exc, error))
    # The text of the exception may name hosts and paths: it goes to the log, not to the client.
    _log.warning("api: %s is unavailable, request answered with 503: %s", part, exc)
    retry_after = exc.retry_after if isinstance(exc, StoreUnavailable) else None
    wait_s = RETRY_AFTER_S if retry_after is None else max(1, round(retry_after))
    detail = f"The {part} does not respond. No data is lost meanwhile; try again in {wait_s} s."
    return problem_response(ProblemKind.UNAVAILABLE, detail, request.url.path, headers={"Retry-After": str(wait_s)})


async def _invalid(request: Request, exc: Exception) -> JSONResponse:
    exc = cast("RequestValidationError", exc)
    faults = [Fault(field=".".join(str(part) for part in error["loc"]), hint=_hint(error)) for error in exc.errors()]
    detail = "; ".join(f"{fault.field}: {fault.hint}" for fault in faults[:3])
    return problem_response(ProblemKind.INVALID, detail, request.url.path, errors=faults)


def _hint(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


async def _http(request: Request, exc: Exception) -> JSONResponse:
    """Errors that the framework raises itself."""
    exc = cast("HTTPException", exc)
    kind = _KIND_OF_STATUS.get(exc.status_code, ProblemKind.BAD_REQUEST)
    detail = {
        ProblemKind.NOT_FOUND: "There is no such path; /openapi.json lists all of them.",
        ProblemKind.METHOD_NOT_ALLOWED: f"This path does not support {request.method}; see the Allow header.",
    }.get(kind, str(exc.detail))
    return problem_response(kind, detail, request.url.path, headers=exc.headers)


async def _internal(request: Request, exc: Exception) -> JSONResponse:
    """Name no internals; the server logs the exception with its traceback."""
    detail = "The server failed while it handled the request. It logged the error; the request may succeed later."
    # This handler runs outside all middleware, so it sets the headers itself.
    return problem_response(ProblemKind.INTERNAL, detail, request.url.path, headers=SECURITY_HEADERS)
