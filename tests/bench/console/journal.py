"""Alerts of a long year, written straight into the tables of the journal."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import insert

from devices.db.database import open_database, transaction
from haulwatch.settings.load import Settings
from rules.alerts.model import AlertChange, Evidence, Phase, ReadingRef, Severity, Text, alert_id
from rules.alerts.tables import alert, alert_change
from rules.catalogue import CATALOGUE
from simulators.load.generator import device_id
from tests.bench.fleet import START_MS

MINUTE_MS: Final = 60_000
_BATCH: Final = 2_000
_SEVERITIES: Final = (Severity.P3, Severity.P2, Severity.P4, Severity.P3)
_RARE_EVERY: Final = 5_000
"""One alert of so many is of severity P1, and one, the next to it, is open."""


def change(number: int, devices: int, *, opened_at: int, is_open: bool = True) -> AlertChange:
    """An alert with evidence of an ordinary size."""
    subject, rule = device_id(number % devices), CATALOGUE[number % len(CATALOGUE)].name
    readings = tuple(
        ReadingRef(
            device_id=subject, kind="position", ts=opened_at + n * 10_000, values={"lat": 35.5, "lon": 112.85, "n": n}
        )
        for n in range(5)
    )
    return AlertChange(
        alert_id=alert_id(rule, subject, opened_at), revision=1, rule=rule, rule_version=1, subject=subject,
        phase=Phase.CONFIRMED if is_open else Phase.CLOSED,
        severity=Severity.P1 if number % _RARE_EVERY == 0 else _SEVERITIES[number % len(_SEVERITIES)],
        at=opened_at, opened_at=opened_at, closed_at=None if is_open else opened_at + MINUTE_MS,
        title=Text(en=f"Truck plate-{number % devices} did {rule}", zh=f"车辆{number % devices}：{rule}"),
        lat=35.4 + number % 97 / 500, lon=112.7 + number % 89 / 300,
        evidence=Evidence(
            parameters={f"parameter_{n}": 1.5 * n for n in range(20)},
            findings=tuple(Text(en=f"What was found, number {n}", zh=f"第{n}项发现") for n in range(3)),
            ruled_out=tuple(Text(en=f"What was ruled out, number {n}", zh=f"第{n}项排除") for n in range(3)),
            readings=readings, measures={"score": 2.5, "detour_m": 412.0},
        ),
    )  # fmt: skip


def write_alerts(settings: Settings, count: int, devices: int) -> None:
    """So many alerts, a minute apart; nearly all are over."""
    url = settings.database_url.get_secret_value()
    for first in range(0, count, _BATCH):
        changes = [
            change(
                number,
                devices,
                opened_at=START_MS + number * MINUTE_MS,
                is_open=number % _RARE_EVERY == 1,
            )
            for number in range(first, min(first + _BATCH, count))
        ]
        write_changes(url, changes)


def write_changes(url: str, changes: Sequence[AlertChange]) -> None:
    """The only change of each of these alerts, into the database at `url`: a tenth of the time the journal takes."""
    written = [one.model_dump(mode="json") for one in changes]
    columns = set(alert.c.keys())
    rows = [
        {name: value for name, value in one.items() if name in columns}
        | {"title_en": one["title"]["en"], "title_zh": one["title"]["zh"], "first_recorded_at": one["at"]}
        | {"confirmed_at": one["at"]}
        for one in written
    ]
    entries = [
        {"alert_id": one["alert_id"], "phase": one["phase"], "revision": 1, "recorded_at": one["at"], "change": one}
        for one in written
    ]
    engine = open_database(url)
    try:
        with transaction(engine) as connection:
            connection.execute(insert(alert), rows)
            connection.execute(insert(alert_change), entries)
    finally:
        engine.dispose()
