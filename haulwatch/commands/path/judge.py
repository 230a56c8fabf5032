"""`haulwatch judge`: raw log → alert journal → MQTT and store."""

import asyncio
from functools import partial
from typing import Final

from haulwatch.commands.shared import exits_on_error
from haulwatch.process.current_city import CurrentCity
from haulwatch.process.current_rules import CurrentRules
from haulwatch.process.garbage import keep_objects, let_go
from haulwatch.process.lifetime import role, stop_event
from haulwatch.settings.kafka_group import SHARED
from haulwatch.settings.load import Settings
from haulwatch.wiring.databases import open_current_city
from haulwatch.wiring.judge import judge_parts
from haulwatch.wiring.log import once_log_answers, wait_for_log
from haulwatch.wiring.rules import current_rules, open_rule_sets
from haulwatch.wiring.workers.judge import worker_parts
from ingest.judge.judge import run_judge
from ingest.judge.workers.run import run_while, run_worker
from ingest.judge.workers.worker import Worker
from ingest.process.heartbeat import keep_beating
from ingest.process.pause import pause

_TIDY_S: Final = 300.0


@exits_on_error
def judge() -> None:
    """Judge readings from the raw log; write alerts to the journal, and publish them over MQTT and to the store."""
    with role("judge") as settings, open_current_city(settings) as city, open_rule_sets(settings) as rule_sets:
        asyncio.run(_judge(settings, city, current_rules(settings, rule_sets)))


async def _judge(settings: Settings, city: CurrentCity, rules: CurrentRules) -> None:
    stop = stop_event()
    await wait_for_log(settings, stop)
    if stop.is_set():
        return
    if settings.kafka.url is not None and settings.kafka.judge == SHARED:
        await _work(settings, city, rules, stop)
        return
    open_parts = partial(judge_parts, settings, city, rules)
    async with once_log_answers(open_parts, settings, stop) as parts, asyncio.TaskGroup() as tasks:
        if parts is None:
            return
        keep_objects()
        beat = keep_beating(parts.heartbeat_path, stop, lambda: parts.judge.offset, parts.judge.failures)
        tasks.create_task(beat, name="heartbeat")
        tasks.create_task(run_judge(parts.judge, stop), name="judge")
        tasks.create_task(parts.revisions.run(stop), name="revisions")
        tasks.create_task(parts.outbox.run(stop), name="alert outbox")
        tasks.create_task(parts.manifests.writer.run(stop), name="manifests to the raw log")
        tasks.create_task(parts.manifests.feed.run(stop), name="manifests to the database")
        for publisher in parts.publishers:
            tasks.create_task(publisher.run(stop), name=f"alerts to {publisher.name}")


async def _work(settings: Settings, city: CurrentCity, rules: CurrentRules, stop: asyncio.Event) -> None:
    """Judge as one of several workers."""
    open_parts = partial(worker_parts, settings, city, rules)
    async with once_log_answers(open_parts, settings, stop) as parts, asyncio.TaskGroup() as tasks:
        if parts is None:
            return
        beat = keep_beating(
            parts.heartbeat_path, stop, failures=parts.figures.failures, damaged=lambda: parts.figures.damaged
        )
        tasks.create_task(beat, name="heartbeat")
        tasks.create_task(run_worker(parts.worker, stop), name="judge")
        tasks.create_task(_tidy(parts.worker, stop), name="garbage")
        tasks.create_task(run_while(parts.leads, parts.revisions.run, stop), name="revisions")
        to_log = run_while(parts.leads, parts.manifests.writer.run, stop)
        tasks.create_task(to_log, name="manifests to the raw log")
        tasks.create_task(parts.manifests.feed.run(stop), name="manifests to the database")
        for publisher in parts.publishers:
            publishing = run_while(parts.judges_verdicts, publisher.run, stop)
            tasks.create_task(publishing, name=f"alerts to {publisher.name}")


async def _tidy(worker: Worker, stop: asyncio.Event) -> None:
    """Search the states of partitions for cycles once, and free those of partitions that went elsewhere."""
    gone_before = 0
    while not stop.is_set():
        await pause(stop, _TIDY_S)
        gone = worker.devices.handed_over
        if gone != gone_before:
            let_go()
        else:
            keep_objects()
        gone_before = gone
