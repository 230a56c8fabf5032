"""Whose messages a pack holds: as few as lead to the same alert, and more where rules compare devices."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devices.readings.instants import HOUR_MS
from devices.readings.models import Reading
from ingest.evidence import archive, log_window, pack, selection
from ingest.evidence.archive import read_archive
from ingest.evidence.errors import NotExported
from ingest.evidence.verification import verify
from ingest.log.raw_log import RawLog, RawLogCorrupt
from ingest.log.records import CITY_TOPIC, RULES_TOPIC, TICK_TOPIC, LogRecord, RawMessage
from ingest.log.revisions import city_record
from rules.alerts.model import AlertChange
from tests.closing import closed_later
from tests.ingest.evidence.office import EXPORTED, KEY, TICK_MS, Office, day, dump_of, message, town_office, with_ticks
from tests.rules.town import T0, Trip, fills, town


def with_silence(messages: Sequence[RawMessage], minutes: int) -> list[RawMessage]:
    found = with_ticks(messages)
    last = found[-1].received_at
    count = minutes * 60_000 // TICK_MS
    return found + [RawMessage(TICK_TOPIC, str(TICK_MS).encode(), last + TICK_MS * n) for n in range(1, count)]


def sent(rows: Sequence[Sequence[Reading]]) -> list[RawMessage]:
    readings = sorted((reading for row in rows for reading in row), key=lambda reading: reading.ts)
    return [message(reading, reading.ts + 500) for reading in readings]


def whole_fleet(seconds: int) -> list[Sequence[Reading]]:
    trucks = [Trip(f"T{n}", 500, 40 * n, at_s=n).stand(seconds).readings for n in range(1, 7)]
    bins = [fills([10.0] * (seconds // 60), point=f"P{n:02}", every_s=60) for n in range(1, 25)]
    return [*trucks, *bins]


def outage(office: Office) -> AlertChange:
    return next(one for one in office.changes("silent_device") if one.subject == "system")


def test_what_the_whole_fleet_shows_needs_the_whole_fleet(tmp_path: Path) -> None:
    """Everybody falls silent: one alert stands for all, and no message of one device leads to it."""
    office = closed_later(Office(tmp_path, town(), with_silence(sent(whole_fleet(1_800)), 60)))
    found = verify(office.export(outage(office).alert_id), KEY.public, "9.9.9")
    assert found.same
    assert found.manifest.messages.scope == "all"
    assert found.messages > 1_000


def test_the_track_of_the_truck_that_an_alert_is_about_stays(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "ATTEMPTS", selection.ATTEMPTS[3:])
    tracks = [name for name in read_archive(office.export(dump_of(office))) if name.startswith("track/")]
    assert len(tracks) > 2
    assert min(tracks) != "track/T2.geojson"
    monkeypatch.setattr(pack, "MAX_TRACK_FILES", 2)
    less = read_archive(office.export(dump_of(office)))
    assert [name for name in less if name.startswith("track/")] == ["track/T2.geojson", "track/T2.gpx"]


def test_a_pack_is_written_only_as_a_reader_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tracks that do not fit are left out, and the pack says so."""
    office = closed_later(Office(tmp_path, town(), with_silence(sent(whole_fleet(1_800)), 60)))
    whole = read_archive(office.export(outage(office).alert_id))
    tracks = sorted(name for name in whole if name.startswith("track/"))
    assert len(tracks) == 12
    monkeypatch.setattr(pack, "MAX_TRACK_FILES", 4)
    for module in (archive, pack):
        monkeypatch.setattr(module, "MAX_FILES", len(whole) - 8)
    less = office.export(outage(office).alert_id)
    assert sorted(name for name in read_archive(less) if name.startswith("track/")) == tracks[:4]
    found = verify(less, KEY.public, "9.9.9")
    assert (found.same, [note[:22] for note in found.manifest.notes]) == (True, ["tracks of 4 devices ar"])
    monkeypatch.setattr(pack, "MAX_TRACK_FILES", 12)
    with pytest.raises(NotExported, match="a pack has at most"):
        office.export(outage(office).alert_id)


def test_where_the_whole_fleet_does_not_fit_the_pack_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = closed_later(Office(tmp_path, town(), with_silence(sent(whole_fleet(1_800)), 60)))
    monkeypatch.setattr(selection, "MAX_MESSAGES", 1_000)
    found = verify(office.export(outage(office).alert_id), KEY.public, "9.9.9")
    assert not found.same
    assert not found.manifest.judged_again.same
    assert found.comparison is not None
    assert found.comparison.differences == found.manifest.judged_again.differences


def test_a_device_that_sends_more_than_a_pack_holds_is_judged_from_later_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an hour before, where a day does not fit. Here all of it lies within the hour."""
    own = verify(office.export(dump_of(office)), KEY.public, "9.9.9").manifest.messages
    monkeypatch.setattr(selection, "ATTEMPTS", ())
    monkeypatch.setattr(selection, "SHORTER", selection.SHORTER[1:])
    found = verify(office.export(dump_of(office)), KEY.public, "9.9.9")
    assert found.same
    assert found.manifest.messages == own


def test_no_message_that_fits_is_no_alert_judged_again(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MAX_MESSAGES", 3)
    found = verify(office.export(dump_of(office)), KEY.public, "9.9.9")
    assert not found.same
    assert (found.messages, found.manifest.judged_again.why_not) == (
        0, "the messages of its devices are more than a pack can hold",
    )  # fmt: skip
    assert len(found.manifest.missing.readings) == len(
        {(ref.device_id, ref.ts) for change in found.changes for ref in change.evidence.readings}
    )


def test_a_truck_beside_it_is_in_no_pack_unless_it_is_needed(tmp_path: Path) -> None:
    office = town_office(tmp_path)
    near = Trip("T5", 3_000, 10, at_s=100).stand(600).readings
    messages = sorted([*day(), *(message(one, one.ts + 500) for one in near)], key=lambda one: one.received_at)
    beside = closed_later(Office(tmp_path / "beside", town(), messages))
    alert_id = dump_of(beside)
    found = verify(beside.export(alert_id), KEY.public, "9.9.9")
    assert (found.manifest.messages.scope, found.same) == ("own", True)
    assert alert_id == dump_of(office)
    assert found.changes[0].opened_at > T0


@pytest.mark.parametrize(("scans", "messages"), [(0, False), (1, True)])
def test_where_time_is_up_the_nearest_so_far_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scans: int, messages: bool
) -> None:
    """Of an outage, which needs the messages of everybody: those of one device come first."""
    office = closed_later(Office(tmp_path, town(), with_silence(sent(whole_fleet(1_800)), 60)))
    scanned: list[int] = []
    attempt = selection.Selection._attempt

    def counted(self: Any, *args: Any) -> Any:
        found = attempt(self, *args)
        scanned.append(1)
        return found

    monkeypatch.setattr(selection.Selection, "_attempt", counted)
    content = office.exporter.export(outage(office).alert_id, EXPORTED, in_time=lambda: len(scanned) < scans)
    found = verify(content, KEY.public, "9.9.9")
    assert not found.same
    assert found.manifest.notes[-1] == selection.OUT_OF_TIME
    assert (found.manifest.judged_again.why_not == "") is messages


def test_an_empty_log_makes_a_pack_that_says_so(office: Office, tmp_path: Path) -> None:
    exporter = replace(office.exporter, open_log=lambda: RawLog(tmp_path / "raw"))
    found = verify(exporter.export(dump_of(office), EXPORTED), KEY.public, "9.9.9")
    assert (found.same, found.messages) == (False, 0)
    assert found.manifest.judged_again.differences[0] == "revision 1 (provisional): does not come again"
    assert found.manifest.missing.readings


def busy_messages() -> list[RawMessage]:
    """The day, after three hours in which two trucks stood."""
    hours = 3 * 3_600
    standing = [Trip(truck, 500, 500, at_s=-hours).stand(hours - 60).readings for truck in ("T2", "T5")]
    return with_ticks([*sent(standing), *day()])


def busy(folder: Path) -> Office:
    return town_office(folder, busy_messages())


def test_where_a_day_is_too_much_to_read_it_begins_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = busy(tmp_path)
    whole = verify(office.export(dump_of(office)), KEY.public, "9.9.9")
    assert whole.manifest.messages.lead_ms > 2 * HOUR_MS
    monkeypatch.setattr(log_window, "MAX_SCANNED", len(day()) + 1_000)
    less = verify(office.export(dump_of(office)), KEY.public, "9.9.9")
    assert less.same
    assert HOUR_MS <= less.manifest.messages.lead_ms < 2 * HOUR_MS
    assert less.messages < whole.messages


@pytest.mark.parametrize("newest", [{}, {CITY_TOPIC: 1, RULES_TOPIC: 2}, {CITY_TOPIC: 7, RULES_TOPIC: 10_000_000}])
def test_the_revision_that_held_is_found_wherever_it_was_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest: dict[str, int]
) -> None:
    """By the note of the last one, by looking back, and also where the note is wrong."""
    office = busy(tmp_path)
    monkeypatch.setattr(selection, "ATTEMPTS", selection.SHORTER[1:])
    exporter = replace(office.exporter, newest_revisions=lambda: newest)
    found = verify(exporter.export(dump_of(office), EXPORTED), KEY.public, "9.9.9")
    assert found.same
    assert found.manifest.messages.first_offset > 1_000
    assert sorted(name for one in found.manifest.files if (name := one.name).startswith("judging/")) == [
        "judging/city-1.json", "judging/rules-2.json",
    ]  # fmt: skip


LATER = replace(town(), revision=town().revision + 1, zones=())


def test_the_city_of_that_time_is_found_however_far_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not the first after the messages begin, nor that of now."""
    office = busy(tmp_path)
    with closing(office.open_log()) as log:
        log.append([city_record(LATER, office.records[-1].message.received_at)])
    office.city = LATER
    monkeypatch.setattr(log_window, "MAX_SCANNED", 100)
    monkeypatch.setattr(log_window, "_CHUNK", 50)
    monkeypatch.setattr(selection, "ATTEMPTS", selection.SHORTER[1:])
    content = office.export(dump_of(office))
    found = verify(content, KEY.public, "9.9.9")
    assert (found.same, found.manifest.notes) == (True, ())
    assert "judging/city-1.json" in read_archive(content)


def test_a_city_that_stands_in_for_that_of_the_time_is_noted(tmp_path: Path) -> None:
    """The log was trimmed: the pack says by what it is judged."""
    messages = day()
    office = closed_later(Office(tmp_path, town(), messages, revisions=False))
    with closing(RawLog(tmp_path / "trimmed")) as log:
        log.append([*messages[:20], city_record(LATER, messages[20].received_at), *messages[20:]])
    exporter = replace(office.exporter, open_log=lambda: RawLog(tmp_path / "trimmed"))
    notes = verify(exporter.export(dump_of(office), EXPORTED), KEY.public, "9.9.9").manifest.notes
    assert [("city" in one, "rule set" in one) for one in notes] == [(True, False), (False, True)]
    assert "the first recorded after that stands in" in notes[0]
    assert "that of the registry at the export stands in" in notes[1]


def test_a_city_that_cannot_be_read_is_not_passed_over_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before it stands in, and the pack says so."""
    messages = busy_messages()
    again = city_record(town(), messages[10].received_at)
    office = town_office(tmp_path, [*messages[:10], again, *messages[10:]])
    lost = next(one.offset for one in office.records if one.message == again)

    class Damaged(RawLog):
        def read(self, after: int, limit: int) -> list[LogRecord]:
            found = super().read(after, limit)
            at = next((n for n, one in enumerate(found) if one.offset == lost), None)
            if at == 0:
                raise RawLogCorrupt(Path("segment"), lost, "damaged")
            return found[:at]

    monkeypatch.setattr(selection, "ATTEMPTS", selection.SHORTER[1:])
    exporter = replace(office.exporter, open_log=lambda: Damaged(office.folder / "raw", segment_bytes=65_536))
    found = verify(exporter.export(dump_of(office), EXPORTED), KEY.public, "9.9.9")
    assert found.same
    [note] = found.manifest.notes
    assert "the last city that can be read stands in" in note


def test_a_city_is_looked_for_past_a_segment_that_cannot_be_asked(tmp_path: Path) -> None:
    office = busy(tmp_path)

    class Spoiled(RawLog):
        def newest_of(self, topic: str, until: int) -> int | None:
            raise RawLogCorrupt(Path("segment"), 1, "damaged")

    exporter = replace(office.exporter, open_log=lambda: Spoiled(office.folder / "raw", segment_bytes=65_536))
    found = verify(exporter.export(dump_of(office), EXPORTED), KEY.public, "9.9.9")
    assert (found.same, found.manifest.notes) == (True, ())


def test_a_revision_that_nobody_can_read_is_passed_over_as_judgement_does(tmp_path: Path) -> None:
    broken = RawMessage(CITY_TOPIC, b"no city", day()[10].received_at)
    office = town_office(tmp_path, [broken, *day()[:11], broken, *day()[11:]])
    found = verify(office.export(dump_of(office)), KEY.public, "9.9.9")
    assert found.same
    assert [one.name for one in found.manifest.files if "judging/city" in one.name] == ["judging/city-1.json"]


def test_a_damaged_record_is_named_and_the_rest_is_exported(office: Office) -> None:
    """The log skips it, and so did the judge."""
    alert_id, records = dump_of(office), office.records
    lost = next(n for n, one in enumerate(records) if "/T5/" in one.message.topic and n > 20)

    class Damaged(RawLog):
        def read(self, after: int, limit: int) -> list[LogRecord]:
            found = super().read(after, limit)
            at = next((n for n, one in enumerate(found) if one.offset == records[lost].offset), None)
            if at == 0:
                raise RawLogCorrupt(Path("segment"), records[lost].offset, "damaged")
            return found[:at]

    exporter = replace(office.exporter, open_log=lambda: Damaged(office.folder / "raw", segment_bytes=65_536))
    found = verify(exporter.export(alert_id, EXPORTED), KEY.public, "9.9.9")
    assert found.same
    assert found.manifest.missing.damaged == ((records[lost].offset, records[lost].offset),)


def test_a_rule_set_of_another_version_is_exported_and_not_judged_by(office: Office, tmp_path: Path) -> None:
    """After an upgrade that has other rules: the messages are evidence all the same."""
    foreign = json.dumps({"version": 3, "city_wide": {"of_the_past": {"parameters": {}, "on": True}}}).encode()
    with closing(RawLog(tmp_path / "raw")) as log:
        log.append([office.records[0].message, RawMessage(RULES_TOPIC, foreign, day()[0].received_at - 1), *day()])
    exporter = replace(office.exporter, open_log=lambda: RawLog(tmp_path / "raw"))
    found = verify(exporter.export(dump_of(office), EXPORTED), KEY.public, "9.9.9")
    assert not found.same
    assert "no rule of_the_past" in found.why_not
    assert "no rule of_the_past" in found.manifest.judged_again.why_not
    assert found.messages > 50
