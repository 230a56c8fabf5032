"""Writes the audit trail: each action with its outcome, each look at personal data, before the answer leaves."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.access.authentication import SAFE
from api.access.caller import Caller, CallerKind
from api.http.problems import RETRY_AFTER_S, ProblemKind, problem_response
from api.ports import ApiParts
from devices.db.database import DatabaseError
from devices.people.audit import MAX_ACTION, MAX_TARGET, ActorKind, NewAuditEntry

_log = logging.getLogger(__name__)

LOOKS_MS: Final = 3_600_000
"""Equal looks of one caller within this time are one entry: a live map asks every few seconds."""
_MAX_REMEMBERED: Final = 50_000
"""Looks; some 15 MB. A look that was forgotten is written again."""
_FILTERS: Final = frozenset({"subject", "device", "device_id", "vehicle_id", "fleet", "district", "site_id", "rule"})
"""Query parameters that say what was looked at."""
_REFUSED: Final = 403
_FAILED: Final = 500
_KINDS: Final = {
    CallerKind.PERSON: ActorKind.PERSON,
    CallerKind.MACHINE: ActorKind.MACHINE,
    CallerKind.SETTING: ActorKind.SETTING,
}


async def _personal(request: Request) -> None:
    request.state.is_personal = True


async def _handed_out(request: Request) -> None:
    request.state.is_personal = request.state.is_handed_out = True


PERSONAL: Final = [Depends(_personal)]
"""Among the dependencies of a route that shows what people did or where their vehicles were."""
HANDED_OUT: Final = [Depends(_handed_out)]
"""Among those of a route whose answer is kept and passed on: every time is an entry, not the first of an hour."""


def note_target(request: Request, target: str) -> None:
    """Let the entry say what the action concerned, where neither path nor query does."""
    request.state.audit_target = target


class Audited:
    """Middleware. An answer to a person or a machine whose entry cannot be written does not leave: 503.

    Tokens of the settings and their programs go on while the database is away; the log says what was not written.
    Nobody in particular, on this machine before the first account, leaves no entries of looks.
    """

    def __init__(self, app: ASGIApp, parts: ApiParts) -> None:
        self._app, self._parts = app, parts
        self._looks: OrderedDict[tuple[str, ...], int] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = is_stopped = False

        async def after_the_entry(message: Message) -> None:
            nonlocal has_begun, is_stopped
            has_begun = True
            if message["type"] == "http.response.start" and not await self._is_written(scope, message["status"]):
                is_stopped = True
                detail = f"The audit trail cannot be written. Try again in {RETRY_AFTER_S} s."
                headers = {"Retry-After": str(RETRY_AFTER_S)}
                response = problem_response(ProblemKind.UNAVAILABLE, detail, scope["path"], headers=headers)
                await response(scope, receive, send)
            elif not is_stopped:
                await send(message)

        try:
            await self._app(scope, receive, after_the_entry if scope["type"] == "http" else send)
        except Exception:
            # Its 500 is made outside all middleware. The action may have been done before the server failed.
            if scope["type"] == "http" and not has_begun:
                await self._is_written(scope, _FAILED)
            raise

    async def _is_written(self, scope: Scope, status: int) -> bool:
        """Write the entry of an answer, if it needs one. False: it cannot be written, and the answer must not leave."""
        entry = self._entry(scope, status)
        if entry is None:
            return True
        is_look = _is_look(scope) and not scope.get("state", {}).get("is_handed_out")
        look = (entry.kind, entry.actor, entry.address, entry.action, entry.target, str(status == _REFUSED))
        if is_look and entry.at - self._looks.get(look, -LOOKS_MS) < LOOKS_MS:
            return True
        try:
            await asyncio.to_thread(self._parts.people.audit.add, entry)
        except DatabaseError as exc:
            _log.error("api: audit trail is unavailable, not written: %s %s: %s", entry.actor, entry.action, exc)
            return entry.kind is ActorKind.SETTING
        if is_look:
            self._remember(look, entry.at)
        return True

    def _entry(self, scope: Scope, status: int) -> NewAuditEntry | None:
        state: Mapping[str, Any] = scope.get("state", {})
        caller: Caller | None = state.get("caller")
        tried_name: str | None = state.get("tried_name")
        if caller is not None and caller.kind in _KINDS:
            kind, actor = _KINDS[caller.kind], caller.name
        elif tried_name is not None:
            kind, actor = ActorKind.PERSON, tried_name
        else:
            return None
        if _is_look(scope) and not (state.get("is_personal") and (status < 400 or status == _REFUSED)):
            return None
        return NewAuditEntry(
            at=self._parts.now(),
            actor=_fitting(actor, 64),
            kind=kind,
            address=_fitting(scope["client"][0] if scope.get("client") else "", 64),
            action=_fitting(f"{scope['method']} {_template(scope)}", MAX_ACTION),
            target=_fitting(
                " ".join([*_targets(scope), *([state["outcome"]] if "outcome" in state else [])]), MAX_TARGET
            ),
            status=status,
        )

    def _remember(self, look: tuple[str, ...], at: int) -> None:
        self._looks[look] = at
        self._looks.move_to_end(look)
        while len(self._looks) > _MAX_REMEMBERED:
            self._looks.popitem(last=False)


def _is_look(scope: Scope) -> bool:
    """Return whether it changes nothing. Signing on comes by GET, from the provider."""
    return scope["method"] in SAFE and not scope.get("state", {}).get("is_action")


def _template(scope: Scope) -> str:
    """The path of the endpoint, with names in place of values. The route knows it without the prefix of its router."""
    own = scope["route"].path.split("/")[1:]
    asked = scope["path"].split("/")
    return "/".join(asked[: len(asked) - len(own)] + own)


def _targets(scope: Scope) -> Iterator[str]:
    yield from map(str, scope.get("path_params", {}).values())
    for name, value in sorted(parse_qsl(scope.get("query_string", b"").decode("latin-1"))):
        if name in _FILTERS:
            yield f"{name}={value}"
    if target := scope.get("state", {}).get("audit_target"):
        yield target


def _fitting(text: str, length: int) -> str:
    """The text as the table takes it."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:length])
