"""`haulwatch device unknown` and `adopt`, over a real raw log, recorder and store."""

import json
from contextlib import closing
from dataclasses import replace

import pytest

from devices.readings.models import Kind
from haulwatch.process.current_city import CurrentCity
from haulwatch.settings.data_files import recorder_state_path
from haulwatch.wiring.databases import open_registry
from haulwatch.wiring.log import open_raw_log
from haulwatch.wiring.stores import current_ledger
from ingest.log.records import RawMessage
from ingest.recorder.recorder import Recorder
from ingest.recorder.state import RecorderState
from ingest.store.sqlite import SqliteStore
from tests.devices.codecs.meter import MeterCodec, add_codec, metered
from tests.haulwatch.commands.desk import Desk, matches

T0 = 1_772_352_000_000


def position(device: str, second: int, lat: float = 35.5) -> RawMessage:
    payload = {"ts": T0 + second * 1000, "seq": second, "lat": lat, "lon": 112.8}
    return RawMessage(f"haulwatch/v1/{device}/position", json.dumps(payload).encode(), T0 + second * 1000 + 400)


def fill(device: str, second: int) -> RawMessage:
    payload = {"ts": T0 + second * 1000, "seq": second, "fill_pct": 40}
    return RawMessage(f"haulwatch/v1/{device}/fill", json.dumps(payload).encode(), T0 + second * 1000 + 400)


async def drain(recorder: Recorder) -> None:
    while await recorder.step():
        pass


async def test_an_unregistered_device_is_quarantined_seen_adopted_and_stored(
    desk: Desk,
) -> None:
    """Over a real raw log, recorder and store; the recorder never looks at the registry again."""
    settings = desk.settings()
    store = SqliteStore(desk.home / "readings.db")
    with (
        open_registry(settings) as registry,
        closing(open_raw_log(settings)) as log,
        closing(RecorderState(recorder_state_path(settings))) as state,
    ):
        recorder = Recorder(log, store, state, CurrentCity(registry, monotonic=lambda: 0.0))
        log.append([fill("point-900", second) for second in range(3)])
        log.append([position("point-900", 3, lat=35.6), position("another", 4), position("truck-001", 5)])
        noise = RawMessage("haulwatch/v1/point-900/fill", b"noise", T0)
        log.append([noise, fill("point-900", 9)])
        await drain(recorder)
        assert await store.count("position") == 1

        first, second = desk.ask("device", "unknown")
        assert first == {
            "device": "point-900", "waiting": 5, "first_seen": T0 + 400, "last_seen": T0 + 9_400,
            "kinds": ["fill", "position"], "dialect": "native", "lat": 35.6, "lon": 112.8,
        }  # fmt: skip
        assert (second["device"], second["waiting"]) == ("another", 1)
        assert "35.6000 112.8000" in desk.run("device", "unknown").stdout

        what = ("--role", "recycling_point", "--site", "recycling-001")
        adopted = desk.ask("device", "adopt", "point-900", *what, "--secret")
        assert (adopted["registered"], adopted["redriven"]) == (True, 5)
        assert matches(desk.exported()["point-900"], adopted["secret"])
        await drain(recorder)

        assert await store.count("fill") == 4
        assert await store.count("position") == 1, "a recycling point sends none"
        assert [unknown["device"] for unknown in desk.ask("device", "unknown")] == ["another"]
        ledger = current_ledger(settings)
        [line] = [line for line in ledger.devices if line.device == "point-900"]
        assert (line.received, line.stored, dict(line.quarantined)) == (
            6,
            4,
            {"broken_json": 1, "kind_of_another_role": 1},
        )
        assert ledger.balanced
        assert desk.ask("device", "adopt", "point-900")["redriven"] == 0, "once is enough"
    await store.close()


async def test_a_device_of_another_dialect_is_adopted_with_it_and_its_profile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_codec(monkeypatch, MeterCodec())
    settings = desk.settings()
    store = SqliteStore(desk.home / "readings.db")
    with (
        open_registry(settings) as registry,
        closing(open_raw_log(settings)) as log,
        closing(RecorderState(recorder_state_path(settings))) as state,
    ):
        recorder = Recorder(log, store, state, CurrentCity(registry, monotonic=lambda: 0.0))
        log.append([metered("bin-7", T0 + second * 1_000, 30) for second in range(3)])
        await drain(recorder)
        [found] = desk.ask("device", "unknown")
        assert (found["dialect"], found["kinds"], found["waiting"]) == ("meter", ["status"], 6)
        what = ("--role", "recycling_point", "--site", "recycling-001")
        assert "no dialect" in desk.refused("device", "adopt", "bin-7", *what, "--dialect", "metre")
        assert "needs no login" in desk.refused("device", "adopt", "bin-7", *what, "--secret")
        assert "did you mean 'double'" in desk.refused("device", "adopt", "bin-7", *what, "--profile", "duble")
        adopted = desk.ask("device", "adopt", "bin-7", *what, "--profile", "double", "--depth-mm", "1600")
        assert (adopted["registered"], adopted["redriven"]) == (True, 3)
        await drain(recorder)
        line = next(line for line in current_ledger(settings).devices if line.device == "bin-7")
        assert (line.received, line.stored) == (6, 6)
        found = desk.ask("device", "show", "bin-7")
        assert (found["dialect"], found["profile"], found["depth_mm"]) == ("meter", "double", 1600.0)
        assert (await store.count(str(Kind.FILL)), await store.count(str(Kind.STATUS))) == (3, 3)
    await store.close()


def test_a_device_for_which_others_publish_gets_no_login(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    add_codec(monkeypatch, MeterCodec())
    what = ("--role", "recycling_point", "--site", "recycling-001", "--dialect", "meter")
    assert "needs no login" in " ".join(desk.run("device", "add", "bin-7", *what).stdout.split())
    assert desk.ask("device", "show", "bin-7")["login"] == "none"
    assert "bin-7" not in {one["device"] for one in desk.ask("device", "add", "--missing")}


async def test_a_device_that_was_imported_meanwhile_is_adopted_without_being_described(
    desk: Desk,
) -> None:
    settings = desk.settings()
    store = SqliteStore(desk.home / "readings.db")
    with (
        open_registry(settings) as registry,
        closing(open_raw_log(settings)) as log,
        closing(RecorderState(recorder_state_path(settings))) as state,
    ):
        city = registry.load_city()
        others = {name: device for name, device in city.devices.items() if name != "truck-001"}
        cities = [replace(city, devices=others)]
        recorder = Recorder(log, store, state, lambda: cities[-1])
        log.append([position("truck-001", 1)])
        await drain(recorder)
        cities.append(city)
        adopted = desk.ask("device", "adopt", "truck-001")
        assert adopted == {"device": "truck-001", "registered": False, "redriven": 1, "secret": None}
        await drain(recorder)
        assert await store.count(str(Kind.POSITION)) == 1
    await store.close()
