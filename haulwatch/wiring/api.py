"""The parts of `haulwatch serve`: the application, and the tasks that run beside the HTTP server."""

from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, closing
from typing import TYPE_CHECKING, NamedTuple

from api.app import create_app
from devices.city.model import City
from haulwatch.health.ingestion_status import ingestion_status
from haulwatch.process import system_clock
from haulwatch.process.background import BackgroundTask
from haulwatch.settings.load import Settings
from haulwatch.wiring.api_parts import Repositories, api_options, api_parts, tile_server
from haulwatch.wiring.databases import (
    open_attachments,
    open_command_store,
    open_journal,
    open_people,
    open_registry,
    open_shelves,
)
from haulwatch.wiring.desk.attachments import keep_attachments, upkeep_of
from haulwatch.wiring.desk.cases import open_cases
from haulwatch.wiring.desk.indicators import open_board_rows, open_indicators, rolling_report
from haulwatch.wiring.desk.manifests import open_manifests
from haulwatch.wiring.desk.recyclables import deposit_intake, open_materials
from haulwatch.wiring.desk.reports import erasing, open_public_reports
from haulwatch.wiring.desk.weighings import open_sessions
from haulwatch.wiring.desk.what_if_process import COMMAND
from haulwatch.wiring.notices import open_notices
from haulwatch.wiring.packs.processes import PackProcesses
from haulwatch.wiring.rules import current_rules, open_rule_sets
from haulwatch.wiring.stores import emptyings_reader, open_store, weighings_reader
from haulwatch.wiring.suspected_sites import keep_proposing, open_proposals
from ingest.boards.city_feed import CityFeed
from ingest.boards.emptyings import EmptyingFeed
from ingest.boards.feed import BoardFeed, open_cursors
from ingest.boards.shelving import Shelving
from ingest.commands.dispatcher import CommandDispatcher
from ingest.judge.what_if_job import WhatIfJobs
from ingest.mqtt.broker_statistics import BrokerStatistics
from ingest.weighings.keeper import SessionKeeper

if TYPE_CHECKING:
    import asyncio

    from fastapi import FastAPI


class ApiProcess(NamedTuple):
    """The application, and the tasks beside its HTTP server."""

    app: "FastAPI"
    background: tuple[BackgroundTask, ...]


@asynccontextmanager
async def api_process(settings: Settings, city: Callable[[], City], stop: "asyncio.Event") -> AsyncIterator[ApiProcess]:
    """Build the parts, and close what they hold at the end of the block.

    The feeds of the boards, the look for suspected sites, notices and the erasing of names end when `stop` is set; the
    other background tasks end when they are cancelled. Raises CursorsUnavailable, BadRuleSet, DatabaseError.
    """
    store, mqtt, tiles = open_store(settings), settings.mqtt, tile_server(settings)
    watched = settings.limits.broker_counters == "on"
    statistics = BrokerStatistics(mqtt.broker, mqtt.client_id, system_clock.now_ms)
    try:
        with ExitStack() as held:
            journal = held.enter_context(closing(open_journal(settings)))
            shelves = held.enter_context(closing(open_shelves(settings)))
            cursors = held.enter_context(closing(open_cursors(settings.paths.data_dir)))
            commands = held.enter_context(closing(open_command_store(settings)))
            people = held.enter_context(open_people(settings))
            rule_sets = held.enter_context(open_rule_sets(settings))
            proposals = held.enter_context(open_proposals(settings))
            registry = held.enter_context(open_registry(settings))
            cases = held.enter_context(open_cases(settings, lambda: city().timezone))
            manifests = held.enter_context(open_manifests(settings, city, current_rules(settings, rule_sets)))
            public_reports = held.enter_context(open_public_reports(settings, lambda: city().timezone))
            sessions = held.enter_context(open_sessions(settings, city))
            programme = held.enter_context(open_indicators(settings))
            board_rows = held.enter_context(open_board_rows(settings))
            deposits, stocks = held.enter_context(open_materials(settings, city))
            notices = held.enter_context(open_notices(settings, journal, shelves, city))
            what_if = held.enter_context(closing(WhatIfJobs(COMMAND, system_clock.now_ms)))
            attachments = held.enter_context(closing(open_attachments(settings)))
            packs = held.enter_context(closing(PackProcesses(settings.paths.data_dir)))
            dispatcher = CommandDispatcher(mqtt.broker, f"{mqtt.client_id}-commands", commands, system_clock.now_ms)
            shelving = Shelving(shelves, journal, system_clock.now_ms, call_within_ms=settings.alerts.call_within_ms)
            feed = BoardFeed(
                store, journal, city, lambda: ingestion_status(parts), cursors, proposals.proposals, shelving
            )
            emptyings = EmptyingFeed(store, city, emptyings_reader(settings), cursors)
            city_feed = CityFeed(
                store,
                board_rows,
                city,
                lambda: rolling_report(settings, city, programme),
                cursors,
                system_clock.now_ms,
            )
            keeper = SessionKeeper(sessions, city, weighings_reader(settings), system_clock.now_ms)
            upkeep = upkeep_of(settings, attachments, journal, cases, public_reports.reports)
            background = [
                BackgroundTask("board feed", lambda: feed.run(stop)),
                BackgroundTask("command dispatcher", dispatcher.run),
                BackgroundTask("emptyings", lambda: emptyings.run(stop)),
                BackgroundTask("city feed", lambda: city_feed.run(stop)),
                BackgroundTask("weighing sessions", lambda: keeper.run(stop)),
                BackgroundTask("suspected sites", lambda: keep_proposing(journal, proposals, city, stop)),
                BackgroundTask("notices", lambda: notices.run(stop)),
                BackgroundTask("attachments", lambda: keep_attachments(upkeep, stop)),
                BackgroundTask("names of informants", lambda: erasing(settings, public_reports, stop)),
            ]
            if settings.deposits.receive == "on":
                intake = deposit_intake(settings, deposits)
                background.append(BackgroundTask("deposits", lambda: intake.run(stop)))
            if watched:
                background.append(BackgroundTask("broker statistics", statistics.run))
            parts = api_parts(
                settings,
                city,
                store,
                Repositories(
                    journal,
                    shelves,
                    rule_sets,
                    proposals,
                    registry,
                    people,
                    what_if,
                    attachments,
                    packs,
                    lambda: upkeep.found,
                    cases,
                    public_reports,
                    manifests,
                    notices.summary,
                    notices.desk,
                    sessions,
                    programme,
                    deposits,
                    stocks,
                ),
                lambda: statistics.counters if watched else None,
                background,
                tiles,
            )
            yield ApiProcess(create_app(parts, api_options(settings)), tuple(background))
    finally:
        await store.close()
        if tiles is not None:
            await tiles.close()
