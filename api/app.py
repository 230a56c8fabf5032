"""The application: routes, middleware, problem handlers and the alert stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import Lifespan

from api.access.auditing import Audited
from api.access.authentication import FirstAccount
from api.access.session_lookups import SessionLookups
from api.access.visible import PartsOfCity
from api.attachments.receiving import Uploads
from api.cases import actions as case_actions
from api.cases import attachments as case_attachments
from api.cases import cases, near
from api.console import pages as console
from api.http import openapi, problems
from api.http.files import PATHS
from api.http.guard import BodyLimit, KnownHosts, NoNul
from api.http.headers import HeadRequests, ResponseHeaders
from api.http.large_answers import MAX_PACKS, PACKS_AT_ONCE, LargeAnswers, UntilTaken
from api.http.shared_answers import SharedAnswers
from api.manifests import actions as manifest_actions
from api.manifests import manifests
from api.operations import health
from api.operations.health import NotReady
from api.people import audit, people, session, sign_on
from api.people.pending_sign_ons import PendingSignOns
from api.people.sign_in_limits import SignInLimits
from api.ports import ApiOptions, ApiParts
from api.public_reports import form as public_form
from api.public_reports import informants, photos, qr, reports
from api.resources import (
    alerts,
    bins,
    commands,
    devices,
    emptyings,
    shelves,
    suspected_sites,
    tracks,
    trucks,
    weighings,
)
from api.resources.alert_stream import AlertFeed
from api.resources.alerting import attachments, evidence
from api.resources.city import base_map, places, public_map, zones
from api.resources.geojson import EncodedLayer
from api.resources.intake import dead_letters, ledger, unregistered
from api.resources.notices import channels as notice_channels
from api.resources.notices import in_force as notice_rules
from api.resources.notices import outbox
from api.resources.programme import assessment, indicators, stocks
from api.resources.recyclables import accounts as deposit_accounts
from api.resources.recyclables import bookings as deposit_bookings
from api.resources.recyclables import deposits
from api.resources.registry import entries
from api.resources.rules import in_force, rule_sets, what_if
from api.resources.weighing import present as present_trucks
from api.resources.weighing import sessions as weighing_sessions
from api.resources.weighing import unmatched as unmatched_weighings

_DESCRIPTION: Final = """\
Telemetry of waste trucks, weighbridges, recycling points and sorting lines, and the alerts raised from it.

**Times** are integers in JSON: milliseconds since 1970 UTC. `ts`, `opened_at`, `confirmed_at`, `closed_at`,
`first_seen`, `last_seen`, `outcome_at` and `at` of a change are device time; `recorded_at`, `acknowledged_at`,
`handled_at`, `received_at`, `issued_at`, `expires_at`, `sent_at`, `proposed_at`, `updated_at`, `at` of an action or
decision, and the times of cases but those at which something `happened` are the server's clock. Parameters take the
same integers or RFC 3339 with an offset (`2026-03-01T08:00:00Z`).

**Places** are WGS-84; GeoJSON order is [lon, lat]. `sites`, `routes`, `corridors`, `zones`, `bins`, `suspected-sites`,
`trucks` and `tracks` are whole map layers: each comes whole, with an `ETag`; a request with `If-None-Match` gets 304
while the layer has not changed.

**Lists** come in pages: while `next_cursor` is not null, repeat the request with `cursor` set to it and all other
parameters unchanged. No item is lost or repeated between pages.

**Errors** are RFC 9457 problem JSON: `type` is the stable name of the kind, `detail` says what to do, and each of
`errors` names a field of the request and gives a `hint`.

**Large answers**, those with the problem `too-busy` below, are made a few at a time. Others wait; beyond 48 the server
answers 429 with `Retry-After`.

**Who calls**: a person signs in with `POST /api/v1/session`, or by the city's identity provider if there is one
(`GET /api/v1/sign-on`); the browser then sends a cookie, and each method but GET needs `X-CSRF-Token` with it. Programs
send `Authorization: Bearer <token>`. What a caller may do depends on the role: `viewer` < `operator` < `officer` <
`administrator`; each operation names the one it needs. Until there is an account, reading on the server's own machine
needs neither. An action bears the name of the person; only with the token of HAULWATCH_API_TOKEN, which names nobody,
`actor` in the body does.
"""
_TAGS: Final = [
    {"name": "devices", "description": "Registered devices and their stored readings"},
    {"name": "weighings", "description": "What visits of trucks weighed, and weighings whose truck nobody knows"},
    {"name": "commands", "description": "Commands to devices: who issued them, and the devices' answers"},
    {
        "name": "map",
        "description": "The city, its sites, routes and corridors, its trucks, and suspected sites, as GeoJSON",
    },
    {"name": "registry", "description": "Single entries of the registry, in versions, and who changed them"},
    {"name": "alerts", "description": "Alerts, the evidence for them, what people did about them, and shelves"},
    {"name": "notices", "description": "Messages to people about alerts: their rules, what was sent, channels"},
    {
        "name": "attachments",
        "description": "Photos and documents of alerts and cases, by their content and hash",
    },
    {"name": "cases", "description": "Cases that people work on until they are closed, and the closing rate"},
    {
        "name": "manifests",
        "description": "Manifests of truck trips: what people do and trucks are seen to do with them",
    },
    {"name": "programme", "description": "Indicators of the city's programme, and the assessment of who hauls"},
    {"name": "recyclables", "description": "Deposits at smart points, their sums, and accounts by pseudonym"},
    {"name": "reports", "description": "Reports of the public, their informants, and the QR codes of sites"},
    {"name": "rules", "description": "Which rules hold where, with which parameters, and who applied them"},
    {"name": "intake", "description": "The ledger of all received readings, and the dead letters"},
    {"name": "people", "description": "Signing in, and the people of this server"},
    {"name": "health", "description": "For monitoring: health, readiness and metrics"},
]


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """All routes. They are the same for each application of a process; at its first request FastAPI builds them."""
    together = APIRouter()
    for module in (
        tracks, trucks, bins, devices, emptyings, weighings, weighing_sessions, present_trucks, unmatched_weighings,
        commands, places, zones, base_map, suspected_sites,
        alerts, evidence, attachments, cases, near, case_actions, case_attachments, reports, informants, qr, shelves,
        manifests, manifest_actions, indicators, assessment, stocks, deposits, deposit_accounts,
        deposit_bookings,
        notice_rules, outbox, notice_channels, in_force, rule_sets, what_if, ledger, dead_letters, unregistered,
        session, sign_on, people, audit, entries,
    ):  # fmt: skip
        together.include_router(module.router, prefix="/api/v1")
    together.include_router(photos.of_reports, prefix="/api/v1")
    together.include_router(manifests.short_links)
    for module in (public_map, health, console, photos):
        together.include_router(module.router)
    together.include_router(public_form.router)  # after photos: of the codes of sites, "photo" is none
    return tuple(together.routes)


def _application(version: str, lifespan: Lifespan[FastAPI] | None = None) -> FastAPI:
    """What is described, without the routes."""
    return FastAPI(
        title="Haulwatch",
        summary="Waste haulage, watched",
        description=_DESCRIPTION,
        version=version,
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )


@cache
def _document(version: str) -> dict[str, Any]:
    """The OpenAPI document. It is the same for each application of a process, as its routes are."""
    described = _application(version)
    described.router.routes.extend(_routes())
    return openapi.document(described, NotReady)


def create_app(parts: ApiParts, options: ApiOptions) -> FastAPI:
    """The ASGI application. It owns no connection; its tasks, above all the alert feed, run in its lifespan.

    A server must call `app.state.feed.close()`, which ends the open streams, before it waits for connections to close
    (`api.http.server.serve` does).
    """
    feed = AlertFeed(
        parts.journal, parts.shelves, parts.now, max_streams=options.max_streams, heartbeat_s=options.heartbeat_s
    )

    first_account = FirstAccount(parts)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(feed.run(), name="alert feed")
            tasks.create_task(first_account.ask_once(), name="first account")
            yield
            await feed.close()

    app = _application(options.version, lifespan)
    app.state.parts = parts
    app.state.options = options
    app.state.feed = feed
    app.state.large_answers = LargeAnswers()
    app.state.shared_trucks = SharedAnswers[EncodedLayer](options.share_layers_s)
    app.state.uploads = Uploads()
    app.state.packs = LargeAnswers(working=PACKS_AT_ONCE, held=MAX_PACKS)
    app.state.packs_of = set[tuple[str, str]]()
    app.state.parts_of_city = PartsOfCity()
    app.state.first_account = first_account
    app.state.session_lookups = SessionLookups(lambda secrets: parts.people.sessions.find_all(secrets, parts.now()))
    app.state.sign_in_limits = SignInLimits()
    app.state.sign_on_limits = SignInLimits()  # of its own: a provider that is slow holds up nobody with a password
    app.state.pending_sign_ons = PendingSignOns()
    app.state.public_form = public_form.new_form(parts, options.reports)
    app.state.check_history = health.StateHistory()
    problems.install(app)
    app.router.routes.extend(_routes())
    app.add_middleware(Audited, parts=parts)
    app.add_middleware(UntilTaken)
    app.add_middleware(
        BodyLimit, max_bytes=options.max_body_bytes, file_paths=PATHS, max_file_bytes=options.max_file_bytes
    )
    app.add_middleware(NoNul)
    if options.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=options.origins,
            allow_methods=["GET"],
            allow_headers=["Authorization", "If-None-Match"],
            expose_headers=["ETag"],
        )
    app.add_middleware(KnownHosts, names=options.hosts)
    app.add_middleware(ResponseHeaders)
    app.add_middleware(HeadRequests)
    app.openapi = lambda: _document(options.version)  # type: ignore[method-assign]
    return app
