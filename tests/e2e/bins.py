"""Collection points that fill up at a real broker, and what is heard of it there."""

import json
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.waiting import PATIENCE_S

POINTS = ("point-001", "point-002", "point-003")
LEVELS = (60, 75, 85, 92, 95, 97, 97, 97, 97)
EVERY_MS = 120_000


class Bins:
    """Collection points that fill up, and a listener to the alerts."""

    def __init__(self, port: int) -> None:
        self.alerts: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self.keys: list[tuple[str, str, int]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, "bins")
        self._client.on_message = lambda _client, _data, message: self.alerts.put(json.loads(message.payload))
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("haulwatch/v1/alerts/#", qos=1)
        self._client.loop_start()

    def fill(self, point: str, levels: Sequence[float] = LEVELS) -> None:
        """One bin becomes full and stays so, or has other levels, in the device time of the last hour."""
        first = time.time_ns() // 1_000_000 - len(levels) * EVERY_MS - 60_000
        for number, level in enumerate(levels):
            reading = {"ts": first + number * EVERY_MS, "compartment": "paper", "fill_pct": level}
            sent = self._client.publish(f"haulwatch/v1/{point}/fill", json.dumps(reading), qos=1)
            sent.wait_for_publish(PATIENCE_S)

    def wait_for_alert(self, point: str, what: str) -> None:
        """Return when the overflow of this point has come."""
        while True:
            try:
                alert = self.alerts.get(timeout=PATIENCE_S)
            except Empty:
                pytest.fail(f"no alert of {point} came over MQTT: {what}")
            self.note(alert)
            if (alert["rule"], alert["subject"]) == ("bin_overflow", point):
                return

    def note(self, alert: dict[str, Any]) -> None:
        self.keys.append((alert["alert_id"], alert["phase"], alert["revision"]))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
