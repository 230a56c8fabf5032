"""What the API says when it does not do what it was asked: RFC 9457 problem JSON, for every error it can give.

Refused          raised by a route; carries its Problem and, where one is known, how long to wait
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
"""Said when a store is away and did not say itself how long."""


class Fault(BaseModel):
    """One thing to mend in the request."""

    field: str = Field(description="Where it is: `query.start`, `body.actor`, `path.device_id`")
    mend: str = Field(description="What is expected there")


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(
        description="Names the kind of problem; does not change", examples=["urn:haulwatch:problem:not-found"]
    )
    title: str = Field(description="The kind of problem, in words")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What happened this time, and what to do about it")
    instance: str = Field(description="The path that was asked for")
    errors: list[Fault] = Field(default_factory=list, description="Single faults of the request, where there are any")


class ProblemKind(Enum):
    """The closed list of problems: type suffix, HTTP status, title."""

    BAD_REQUEST = ("bad-request", 400, "The request cannot be read")
    UNAUTHORIZED = ("unauthorized", 401, "A valid token is needed")
    WRITES_OFF = ("writes-off", 403, "Writing is switched off")
    NOT_FOUND = ("not-found", 404, "There is no such thing")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "This method is not for this resource")
    CANNOT_DO = ("cannot-do", 409, "The device cannot do this")
    ALREADY_CLOSED = ("already-closed", 409, "The alert is closed")
    ALREADY_REDRIVEN = ("already-redriven", 409, "The dead letter was driven again before")
    NOT_KEPT = ("not-kept", 409, "The dead letter stands for messages that are not kept")
    TOO_LARGE = ("too-large", 413, "The request body is too large")
    INVALID = ("invalid", 422, "The request has faults")
    INTERNAL = ("internal", 500, "Something broke inside")
    UNAVAILABLE = ("unavailable", 503, "A part is away for now")

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


_AWAY: Final[dict[type[Exception], str]] = {
    StoreUnavailable: "time-series store",
    DatabaseError: "alert journal",
    StateUnavailable: "recorder's ledger",
    RawLogError: "raw log",
}
"""What may be away for a while, by the exception that says so."""
_OF_STATUS: Final = {kind.status: kind for kind in ProblemKind}


class RequestRefused(Exception):
    """The request is not done; the answer is this problem."""

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
    """`key` comes from outside: only its beginning is shown."""
    shown = key if len(key) <= 64 else key[:63] + "…"
    return RequestRefused(ProblemKind.NOT_FOUND, f"{what} {shown!r} is not known: {hint}")


def invalid(field: str, mend: str) -> RequestRefused:
    return RequestRefused(ProblemKind.INVALID, f"{field}: {mend}", errors=[Fault(field=field, mend=mend)])


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
    """Turn every exception that reaches the application into a problem."""
    app.add_exception_handler(RequestRefused, _refused)
    for away in _AWAY:
        app.add_exception_handler(away, _unavailable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _internal)


async def _refused(request: Request, exc: Exception) -> JSONResponse:
    exc = cast("RequestRefused", exc)
    return problem_response(exc.kind, exc.detail, request.url.path, errors=exc.errors, headers=exc.headers)


async def _unavailable(request: Request, exc: Exception) -> JSONResponse:
    what = next(name for kind, name in _AWAY.items() if isinstance(exc, kind))
    _log.warning("%s is away: %s", what, exc)  # its words may name hosts and paths: for the log, not for the client
    said = exc.retry_after if isinstance(exc, StoreUnavailable) else None
    wait_s = RETRY_AFTER_S if said is None else max(1, round(said))
    detail = f"The {what} does not answer. Nothing is lost meanwhile; ask again in {wait_s} s."
    return problem_response(ProblemKind.UNAVAILABLE, detail, request.url.path, headers={"Retry-After": str(wait_s)})


async def _invalid(request: Request, exc: Exception) -> JSONResponse:
    exc = cast("RequestValidationError", exc)
    faults = [Fault(field=".".join(str(part) for part in error["loc"]), mend=_mend(error)) for error in exc.errors()]
    detail = "; ".join(f"{fault.field}: {fault.mend}" for fault in faults[:3])
    return problem_response(ProblemKind.INVALID, detail, request.url.path, errors=faults)


def _mend(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


async def _http(request: Request, exc: Exception) -> JSONResponse:
    """What the framework refuses by itself."""
    exc = cast("HTTPException", exc)
    kind = _OF_STATUS.get(exc.status_code, ProblemKind.BAD_REQUEST)
    detail = {
        ProblemKind.NOT_FOUND: "Nothing answers at this path; /openapi.json lists what there is.",
        ProblemKind.METHOD_NOT_ALLOWED: f"{request.method} is not answered here; see the Allow header.",
    }.get(kind, str(exc.detail))
    return problem_response(kind, detail, request.url.path, headers=exc.headers)


async def _internal(request: Request, exc: Exception) -> JSONResponse:
    """Says nothing of the inside; the server logs the exception with its trace."""
    detail = "The request met a fault of the server. It was logged; the same request may work later."
    # Sent from outside every middleware, so it brings the headers itself.
    return problem_response(ProblemKind.INTERNAL, detail, request.url.path, headers=SECURITY_HEADERS)
