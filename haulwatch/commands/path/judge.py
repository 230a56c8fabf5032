"""`haulwatch judge`: raw log → alert journal, and from there to MQTT and the store."""

import asyncio

from haulwatch import wiring
from haulwatch.commands.shared import plainly
from haulwatch.process.lifetime import role, told_to_stop
from haulwatch.settings.load import Settings
from haulwatch.wiring.current_city import CurrentCity
from ingest.alerts.mqtt_sink import MqttSink
from ingest.alerts.publisher import AlertPublisher, PublisherCursors
from ingest.alerts.store_sink import StoreSink
from ingest.judge.checkpoint import JudgeState
from ingest.judge.judge import Judge, run_judge
from ingest.process.heartbeat import keep_beating


@plainly
def judge() -> None:
    """Judge readings from the raw log; journal alerts, and announce them over MQTT and as a series."""
    with role("judge") as settings, wiring.registry(settings) as registry:
        asyncio.run(_judge(settings, CurrentCity(registry)))


async def _judge(settings: Settings, city: CurrentCity) -> None:
    stop = told_to_stop()
    journal, store = wiring.journal(settings), wiring.store(settings)
    state = JudgeState(wiring.judge_state_path(settings))
    cursors = PublisherCursors(settings.paths.data_dir / "announcer.db")
    mqtt = MqttSink(settings.mqtt.broker, f"{settings.mqtt.client_id}-alerts")
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
            beat = keep_beating(wiring.heartbeat_path(settings, "judge"), stop, lambda: judging.offset)
            tasks.create_task(beat, name="heartbeat")
            tasks.create_task(run_judge(judging, stop), name="judge")
            tasks.create_task(AlertPublisher("mqtt", mqtt, journal, cursors).run(stop), name="alerts to mqtt")
            tasks.create_task(
                AlertPublisher("store", StoreSink(store, city), journal, cursors).run(stop), name="alerts to store"
            )
    finally:
        await mqtt.close()
        await store.close()
        cursors.close()
        state.close()
