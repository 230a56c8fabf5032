"""The four processes of the path, the broker of the demo, and `run`, which supervises the four on one machine."""

import asyncio
import os
from contextlib import suppress
from typing import Annotated, Final

import typer

from api import server as http_server
from api.app import create_app
from haulwatch import wiring
from haulwatch.api_parts import api_options, api_parts
from haulwatch.commands.shared import err, fail, plainly
from haulwatch.lifetime import role, told_to_stop, told_to_stop_thread
from haulwatch.settings import Settings
from haulwatch.supervisor import Child, Supervisor, until_stopped
from ingest import judge as judge_loop
from ingest import recorder
from ingest.alert_mqtt import MqttOutlet
from ingest.announcer import Announcer, Cursors, StoreOutlet
from ingest.broker import run_broker
from ingest.collector import run_collector
from ingest.judge import Judge, run_judge
from ingest.judge_state import JudgeState
from ingest.raw_segment import RawLogError
from ingest.recorder import Recorder, run_recorder
from ingest.recorder_state import RecorderState

PROCESSES: Final = ("collect", "record", "judge", "serve")
"""In the order they are started; stopped in the other."""
_TRIM_EVERY_S: Final = 60.0


@plainly
def collect() -> None:
    """Bring messages from the broker into the raw log; acknowledge them when they are on the disk."""
    with role("collector") as settings:
        run_collector(
            wiring.mqtt_source(settings),
            wiring.raw_log(settings),
            told_to_stop_thread(),
            wiring.collector_status_path(settings),
        )


@plainly
def record() -> None:
    """Move readings from the raw log into the store; keep dead letters and the ledger."""
    with role("recorder") as settings, wiring.registry(settings) as registry:
        asyncio.run(_record(settings, wiring.CurrentCity(registry)))


async def _record(settings: Settings, city: wiring.CurrentCity) -> None:
    stop = told_to_stop()
    store = wiring.store(settings)
    state = RecorderState(wiring.recorder_state_path(settings))
    limit = settings.limits.max_payload_bytes
    recording = Recorder(wiring.raw_log(settings), store, state, city, max_payload_bytes=limit)
    try:
        async with asyncio.TaskGroup() as tasks:
            trimming = tasks.create_task(_keep_trimmed(settings), name="raw log trim")
            await run_recorder(recording, stop, clock=wiring.now_ms)
            trimming.cancel()
    finally:
        await store.close()
        state.close()


async def _keep_trimmed(settings: Settings) -> None:
    """Drop the oldest segments that every consumer has read, once the log is over its size."""
    keep_bytes = settings.limits.raw_log_keep_mib << 20
    log = wiring.raw_log(settings)
    while True:
        await asyncio.sleep(_TRIM_EVERY_S)
        with suppress(RawLogError):
            if {recorder.CONSUMER, judge_loop.CONSUMER} <= log.committed().keys():  # nobody is missing from the count
                await asyncio.to_thread(log.trim, keep_bytes)


@plainly
def judge() -> None:
    """Judge readings from the raw log; journal alerts, and announce them over MQTT and as a series."""
    with role("judge") as settings, wiring.registry(settings) as registry:
        asyncio.run(_judge(settings, wiring.CurrentCity(registry)))


async def _judge(settings: Settings, city: wiring.CurrentCity) -> None:
    stop = told_to_stop()
    journal, store = wiring.journal(settings), wiring.store(settings)
    state = JudgeState(wiring.judge_state_path(settings))
    cursors = Cursors(settings.paths.data_dir / "announcer.db")
    mqtt = MqttOutlet(settings.mqtt.broker, f"{settings.mqtt.client_id}-alerts")
    judging = Judge(
        wiring.raw_log(settings),
        journal,
        state,
        wiring.rules(settings),
        city,
        max_payload_bytes=settings.limits.max_payload_bytes,
    )
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run_judge(judging, stop), name="judge")
            tasks.create_task(Announcer("mqtt", mqtt, journal, cursors).run(stop), name="alerts to mqtt")
            tasks.create_task(
                Announcer("store", StoreOutlet(store), journal, cursors).run(stop), name="alerts to store"
            )
    finally:
        await mqtt.close()
        await store.close()
        cursors.close()
        state.close()


@plainly
def serve() -> None:
    """Serve the HTTP API and the console."""
    with role("api") as settings, wiring.registry(settings) as registry:
        asyncio.run(_serve(settings, wiring.CurrentCity(registry)))


async def _serve(settings: Settings, city: wiring.CurrentCity) -> None:
    store = wiring.store(settings)
    app = create_app(api_parts(settings, city, store, wiring.journal(settings)), api_options(settings))
    try:
        await http_server.serve(app, settings.api.host, settings.api.port, told_to_stop())
    except OSError as exc:
        why = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)  # negative: a name without address
        fail(
            f"cannot listen on {settings.api.host}:{settings.api.port}: {why}: set HAULWATCH_API_HOST or "
            "HAULWATCH_API_PORT"
        )
    finally:
        await store.close()


@plainly
def run() -> None:
    """Run collector, recorder, judge and API on this machine, and start again what dies."""
    with role("supervisor") as settings:
        children = [Child(name, [name]) for name in PROCESSES]
        keep = Supervisor(children, os.environ, settings.paths.data_dir / "logs")
        keep.start()
        err.print(
            f"running {', '.join(PROCESSES)}; logs in {settings.paths.data_dir / 'logs'}; Ctrl-C stops", markup=False
        )
        try:
            for _ in until_stopped():
                keep.tend()
        finally:
            keep.stop()


@plainly
def broker(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="TCP port on loopback.")] = 1883,
) -> None:
    """Run the demo's embedded MQTT broker on loopback. Not for production: it loses what a crash interrupts."""
    with role("broker"):
        run_broker("127.0.0.1", port)
