"""A night of haulage through the real path: a real broker, and the processes of Haulwatch, killed now and then.

Device time runs some hundred times as fast as the wall clock, and lies in the past. People act at the desk in device
time, a little ahead, as what they write is on its way to the log for a second.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from devices.city.files.export import write_files
from devices.codecs.native import encode
from devices.codecs.topics import reading_topic
from haulwatch.settings.load import load_settings
from haulwatch.wiring.databases import open_journal
from haulwatch.wiring.desk.manifests import open_manifests
from haulwatch.wiring.desk.weighings import open_sessions
from haulwatch.wiring.rules import configured_rules
from ingest.log.raw_log import RawLog
from ingest.process.heartbeat import last_beat
from rules.alerts.journal import AlertJournal
from rules.alerts.model import AlertChange
from rules.manifests.store import ManifestStore
from simulators.haulage.night import Arrival, Night
from simulators.haulage.truth import Heading
from tests.haulage.desk import People, found_at_desk, standing
from tests.haulage.found import Comparison, Found, compare
from tests.installation import Installation
from tests.servers.mosquitto import Mosquitto
from tests.waiting import PATIENCE_S

PROCESSES: Final = ("serve", "judge", "record", "collect")
_LEAD_S: Final = 3.0
"""Papers are written so many seconds of the wall clock before their device time."""
_ACTS_EVERY_S: Final = 0.5
_IN_FLIGHT: Final = 200
_WAITS_S: Final = 0.02
_ASKS_EVERY_S: Final = 3.0


class OnPath(Installation):
    """One installation with a broker of its own, for one night."""

    def __init__(self, folder: Path, night: Night, database_url: str | None = None) -> None:
        """`database_url`: of the registry; None: SQLite."""
        self.night = night
        self.broker = Mosquitto(folder / "mosquitto")
        variables = {"HAULWATCH_MQTT_URL": self.broker.url}
        if database_url is not None:
            variables["HAULWATCH_DATABASE_URL"] = database_url
        super().__init__(folder / "haulwatch", variables)
        self.kills = self.published = 0
        city = folder / "city"
        city.mkdir()
        write_files(night.city, city, lists_as_csv=False)
        imported = self.run("city", "import", str(city))
        assert imported.returncode == 0, imported.stdout + imported.stderr
        self.settings = load_settings(self.environment)

    def open(self) -> None:
        """Start the broker and the processes; return when the collector is connected."""
        self.broker.start()
        for name in PROCESSES:
            self.start(name)
        self.until_connected()

    def close(self) -> None:
        super().close()
        self.broker.kill()

    def play(self, arrivals: Iterator[Arrival], speed: float, kills: int, dice: random.Random) -> None:
        """Publish a night and act at the desk meanwhile; kill a process now and then."""
        kill_at = sorted(dice.uniform(self.night.begins_ms, self.night.ends_ms) for _ in range(kills))
        with self._manifests() as store, _publisher(self.broker.port) as publisher:
            people = People(store, self.night.papers)
            began, acted, sent = time.monotonic(), 0.0, list[MQTTMessageInfo]()
            for arrival in arrivals:
                due = began + (arrival.received_ms - self.night.begins_ms) / 1000 / speed
                while True:
                    now = time.monotonic()
                    if now - acted >= _ACTS_EVERY_S:
                        acted = now
                        paced = self.night.begins_ms + round((now - began) * 1000 * speed)
                        at = min(paced, arrival.received_ms)  # nobody acts ahead of the trucks where these are behind
                        people.act(at + round(_LEAD_S * 1000 * speed), at)
                    if now >= due and len(sent) < _IN_FLIGHT:
                        break
                    sent = [info for info in sent if not info.is_published()]
                    time.sleep(_WAITS_S if now < due - _WAITS_S or len(sent) >= _IN_FLIGHT else 0)
                sent.append(_publish(publisher, arrival))
                self.published += 1
                if kill_at and arrival.received_ms >= kill_at[0]:
                    kill_at.pop(0)
                    self._kill_one(dice)
            self.until(lambda: all(info.is_published() for info in sent), "the broker takes everything")
            self.until_judged()
            self.until(lambda: not self._act_to_the_end(people), "people did everything", every_s=_ACTS_EVERY_S)

    def compared(self, give_up_after_s: float = PATIENCE_S) -> Comparison:
        """What is found in the end, compared; what is on its way is waited for."""
        deadline = time.monotonic() + give_up_after_s
        while True:
            self.until_judged()
            found = self._found()
            if compare(self.night.truth, found).is_good or time.monotonic() > deadline:
                break
            time.sleep(_ASKS_EVERY_S)
        return compare(self.night.truth, replace(found, tonnes_kg=self._city_ledger()))

    def until_judged(self) -> None:
        """As of any installation, and with patience for each step of a judge that is behind."""
        while (judged := self._judged()) < (last := self.logged()):
            self.until(lambda: self._judged() > judged, f"the judge goes on from {judged} to {last}")
        super().until_judged()

    def _judged(self) -> int:
        beat = last_beat(self.folder / "judge_status.json")
        return 0 if beat is None else beat.offset

    def accounts(self) -> list[str]:
        """What is wrong with the accounts of the recorder and with a second judgement of the log; empty if nothing."""
        wrong = []
        self.until(lambda: self.ledger()["total"]["queued"] == 0, "every reading is stored")
        ledger = self.json("ledger")
        if not ledger["balanced"]:
            wrong.append("the recorder's ledger is not balanced")
        if ledger["total"]["quarantined"]:
            wrong.append(f"quarantined: {ledger['total']['quarantined']}")
        for name in ("collect", "judge"):
            self.until_judged()
            self.stop(name)
        replayed = self.run("replay", "--json", timeout_s=1_200)
        if replayed.returncode != 0 or not json.loads(replayed.stdout.splitlines()[-1])["identical"]:
            wrong.append(f"a replay raises other alerts: {replayed.stdout[-500:]}{replayed.stderr[-500:]}")
        return wrong

    def logged(self) -> int:
        """Offset of the last record."""
        with closing(RawLog(self.folder / "raw")) as log:
            return log.last_offset()

    def _act_to_the_end(self, people: People) -> Sequence[object]:
        people.act(self.night.ends_ms)
        return people.waiting

    def _found(self) -> Found:
        with self._manifests() as manifests, open_sessions(self.settings, lambda: self.night.city) as sessions:
            found = found_at_desk(manifests, sessions, self.night.city)
        with closing(open_journal(self.settings)) as journal:
            return replace(found, alerts=standing(_every_change(journal)))

    def _city_ledger(self) -> dict[Heading, float]:
        """What `haulwatch ledger city` prints."""
        zone = ZoneInfo(self.night.city.timezone)
        first = datetime.fromtimestamp(self.night.begins_ms / 1000, zone).date()
        last = datetime.fromtimestamp(self.night.ends_ms / 1000, zone).date() + timedelta(days=1)
        answer: dict[str, Any] = self.json("ledger", "city", "--from", first.isoformat(), "--to", last.isoformat())
        found: dict[Heading, float] = {}
        for line in answer["lines"]:
            heading = Heading(line["day"], line["site"], line["stream"], line["flow"])
            found[heading] = found.get(heading, 0.0) + line["net_kg"]
        return {heading: kg for heading, kg in found.items() if kg}

    @contextmanager
    def _manifests(self) -> Iterator[ManifestStore]:
        rules = configured_rules(self.settings)
        with open_manifests(self.settings, lambda: self.night.city, lambda: rules) as store:
            yield store

    def _kill_one(self, dice: random.Random) -> None:
        name = dice.choice(PROCESSES)
        self.kill(name)
        self.kills += 1
        self.start(name)


def _every_change(journal: AlertJournal) -> Iterator[AlertChange]:
    after = 0
    while entries := journal.changes_after(after, 1_000):
        yield from (entry.change for entry in entries)
        after = entries[-1].sequence


def _publish(publisher: Client, arrival: Arrival) -> MQTTMessageInfo:
    reading = arrival.reading
    info = publisher.publish(reading_topic(reading.device_id, reading.kind), encode(reading), qos=1)
    if info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:  # paho keeps it until it is connected
        info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
    return info


@contextmanager
def _publisher(port: int) -> Iterator[Client]:
    client = Client(
        CallbackAPIVersion.VERSION2, "night-of-haulage", clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
    )
    client.max_inflight_messages_set(_IN_FLIGHT)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield client
    finally:
        client.disconnect()
        client.loop_stop()
