"""What a pack holds: the bytes of the log, of few devices; both states; what is gone; nothing that depends on when."""

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import gpxpy
import pytest

from devices.city.model import City
from ingest.evidence.archive import read_archive, write_archive
from ingest.evidence.attached import Held
from ingest.evidence.errors import NoSuchAlert, PackRefused
from ingest.evidence.manifest import MANIFEST, Manifest
from ingest.evidence.pack import Contents
from ingest.evidence.verification import verify
from rules.alerts.model import Amendment
from rules.attachments.model import Attachment, MediaType, OwnerKind
from rules.catalogue import corridor_m
from tests.closing import closed_later
from tests.ingest.evidence.office import EXPORTED, KEY, RULES, Office, day, dump_of, town_office
from tests.rules.town import T0, town

Json = Any


def read(pack: bytes, name: str) -> Json:
    return json.loads(read_archive(pack)[name])


def lines(pack: bytes, name: str) -> list[Json]:
    return [json.loads(line) for line in read_archive(pack)[name].splitlines()]


def test_the_same_inputs_give_the_same_file(tmp_path: Path) -> None:
    one, other = town_office(tmp_path / "one"), town_office(tmp_path / "other")
    alert_id = dump_of(one)
    assert one.export(alert_id) == one.export(alert_id) == other.export(alert_id)


def test_what_is_received_later_changes_nothing(tmp_path: Path) -> None:
    office = town_office(tmp_path)
    before = office.export(dump_of(office))
    log = closed_later(office.open_log())
    log.append([replace_time(one) for one in day()[-50:]])
    assert office.export(dump_of(office)) == before


def replace_time(message: Any) -> Any:
    return type(message)(message.topic, message.payload, message.received_at + 3_600_000, message.dialect)


def test_messages_are_the_bytes_of_the_log_at_their_offsets(office: Office) -> None:
    held = {record.offset: record.message for record in office.records}
    own = [line for line in lines(office.export(dump_of(office)), "raw/messages.jsonl") if "payload" in line]
    assert len(own) > 50
    for line in own:
        message = held[line["offset"]]
        assert (line["topic"], line["received_at"]) == (message.topic, message.received_at)
        assert b64decode(line["payload"]) == message.payload
        assert line["sha256"] == sha256(message.payload).hexdigest()


def test_the_chain_is_what_the_documentation_says(office: Office) -> None:
    """Computed here by the words of docs/evidence.md."""
    pack = office.export(dump_of(office))
    chain = sha256(b"haulwatch evidence chain 1").digest()
    for line in lines(pack, "raw/messages.jsonl"):
        payload = b64decode(line.pop("payload", ""))
        said = line.pop("chain")
        head = json.dumps(line, ensure_ascii=False, sort_keys=True).encode()
        chain = sha256(chain + head + b"\n" + payload).digest()
        assert chain.hex() == said
    assert read(pack, MANIFEST)["messages"]["chain_head"] == chain.hex()


def test_nothing_of_other_devices_is_in_it(office: Office) -> None:
    files = read_archive(office.export(dump_of(office)))
    for name, content in files.items():
        for other in (b'"T1"', b"/T1/", b"VT1", b'"P24"', b"/P24/"):
            assert other not in content, name
    city = json.loads(files["judging/city-1.json"])["rows"]
    assert [row["id"] for row in city["device"]] == ["T2"]
    assert [row["plate"] for row in city["vehicle"]] == ["晋ET2"]
    assert {one["id"] for one in city["site"]} == {"source", "tip", "othertip", "depot"}, (
        "not the point, far from its road"
    )


def test_a_revision_names_the_record_of_the_log_that_it_was_part_of(office: Office) -> None:
    pack = office.export(dump_of(office))
    revisions = [line for line in lines(pack, "raw/messages.jsonl") if "revision" in line]
    assert [line["offset"] for line in revisions] == [1, 2]
    for line in revisions:
        logged = office.records[line["offset"] - 1].message
        assert line["logged_sha256"] == sha256(logged.payload).hexdigest()


def test_tracks_readings_and_versions_agree_with_what_was_sent(office: Office) -> None:
    pack = office.export(dump_of(office))
    rows = lines(pack, "readings/readings.jsonl")
    points = [row for row in rows if row["kind"] == "position" and row["device_id"] == "T2"]
    features = read(pack, "track/T2.geojson")["features"]
    assert features[0]["geometry"]["type"] == "LineString"
    assert [f["geometry"]["coordinates"] for f in features[1:]] == [[row["lon"], row["lat"]] for row in points]
    [track] = gpxpy.parse(read_archive(pack)["track/T2.gpx"].decode()).tracks
    times = [point.time for segment in track.segments for point in segment.points]
    assert times == [datetime.fromtimestamp(row["ts"] / 1000, UTC) for row in points]
    held = read(pack, "registry/in_force.json")
    assert [(one["id"], one["version"]) for one in held["routes"]] == [("R1", 1)]
    assert [one["id"] for one in held["permits"]] == ["KT2"]
    assert held["vehicle"]["plate"] == "晋ET2"
    assert held["rule_set"]["version"] == 0
    [health] = read(pack, "devices/health.json")["devices"]
    assert (health["device_id"], health["clock_behind_ms"], health["readings"]) == ("T2", 500, len(rows))


def test_custody_names_who_looked_and_who_exported(tmp_path: Path) -> None:
    office = town_office(tmp_path)
    alert_id = dump_of(office)
    office.look("wang.fang", alert_id, T0 + 1)
    office.look("zhao.min", "another", T0 + 2)
    office.look("zhao.min", alert_id, T0 + 3)
    custody = read(office.export(alert_id), "custody/custody.json")
    assert [(one["actor"], one["at"]) for one in custody["entries"]] == [("wang.fang", T0 + 1), ("zhao.min", T0 + 3)]
    assert b"127.0.0.1" not in read_archive(office.export(alert_id))["custody/custody.json"]
    assert custody["exported"] == {"by": EXPORTED.by, "at": EXPORTED.at, "how": EXPORTED.how}


def test_photos_are_in_it_as_they_came_and_what_was_removed_is_named(tmp_path: Path) -> None:
    office = town_office(tmp_path / "office")
    alert_id = dump_of(office)
    held = [
        Held(attached("a" * 16, "现场.jpg", alert_id), b"the photo"),
        Held(attached("b" * 16, "x.pdf", alert_id, removed_by="wang", removed_at=T0, removed_reason="another truck")),
        Held(attached("c" * 16, "磅单.pdf", alert_id), why_not="was changed on disk since it was attached"),
    ]
    office.look("zhao.min", alert_id, T0 + 1)
    office.look("li.wei", f"{alert_id} {'a' * 16}", T0 + 2)
    office.look("li.wei", f"{alert_id} {'d' * 16}", T0 + 3)
    exporter = replace(office.exporter, attachments={alert_id: held}.__getitem__)
    pack = exporter.export(alert_id, EXPORTED)
    assert exporter.export(alert_id, EXPORTED) == pack
    files = read_archive(pack)
    assert {name for name in files if name.startswith("attachments/")} == {
        "attachments/attachments.json", f"attachments/001-{'a' * 16}.jpg",
    }  # fmt: skip
    assert files[f"attachments/001-{'a' * 16}.jpg"] == b"the photo"
    listed = read(pack, "attachments/attachments.json")
    assert [(one["file"], one["name"]) for one in listed] == [
        (f"attachments/001-{'a' * 16}.jpg", "现场.jpg"), (None, "x.pdf"), (None, "磅单.pdf"),
    ]  # fmt: skip
    assert (listed[1]["removed_by"], listed[1]["removed_reason"]) == ("wang", "another truck")
    assert listed[2]["left_out"] == "was changed on disk since it was attached"
    manifest = verify(pack, KEY.public, "9.9.9").manifest
    notes = [note for note in manifest.notes if "attachment" in note]
    assert len(notes) == 2
    assert "x.pdf" in notes[0]
    assert "磅单.pdf" in notes[1]
    changed = files | {f"attachments/001-{'a' * 16}.jpg": b"the photO"}
    with pytest.raises(PackRefused, match="001-a"):
        verify(write_archive(changed), KEY.public, "9.9.9")
    custody = read(pack, "custody/custody.json")["entries"]
    assert [(one["actor"], one["at"]) for one in custody] == [("zhao.min", T0 + 1), ("li.wei", T0 + 2)]


def attached(id_: str, name: str, alert_id: str, **removed: Any) -> Attachment:
    media_type = MediaType.JPEG if name.endswith("jpg") else MediaType.PDF
    return Attachment(
        id=id_, owner_kind=OwnerKind.ALERT, owner_id=alert_id, name=name, media_type=media_type, size_bytes=9,
        sha256=sha256(b"the photo").hexdigest(), added_by="li.wei", added_at=T0, **removed,
    )  # fmt: skip


def test_the_pack_of_a_retracted_alert_says_so_and_holds_both_states(office: Office) -> None:
    pack = office.export(dump_of(office, "T4"))
    found = verify(pack, KEY.public, "9.9.9")
    assert found.manifest.amendment == Amendment.RETRACTED
    assert found.same
    assert [str(change.phase) for change in found.changes] == ["provisional", "closed", "amended"]
    before = read(pack, "alert/before_amendment.json")["change"]
    assert (before["phase"], before["amendment"], before["revision"]) == ("closed", None, 2)
    assert read(pack, "alert/alert.json")["alert"]["amendment"] == "retracted"
    assert "alert/before_amendment.json" not in read_archive(office.export(dump_of(office)))


def test_messages_that_are_gone_are_named(office: Office, tmp_path: Path) -> None:
    """The log begins in the middle of the incident: the pack is made all the same, and says what it lacks."""
    journal, alert_id = office.journal, dump_of(office)
    change = office.changes("illegal_dumping")[-1]
    cut = next(n for n, one in enumerate(office.records) if one.message.received_at > change.opened_at + 60_000)
    kept = [one.message for one in office.records[cut:]]
    later = town_office(tmp_path, kept)
    exporter = replace(later.exporter, journal=journal)
    found = verify(exporter.export(alert_id, EXPORTED), KEY.public, "9.9.9")
    assert not found.same
    assert found.manifest.judged_again.same is False
    assert found.comparison is not None
    assert found.comparison.differences == found.manifest.judged_again.differences
    detail = journal.alert(alert_id)
    assert detail is not None
    named = {(ref.device_id, ref.ts) for entry in detail.changes for ref in entry.change.evidence.readings}
    missing = {(one["device_id"], one["ts"]) for one in found.manifest.missing.readings}
    assert missing == {(id_, ts) for id_, ts in named if ts + 500 < kept[0].received_at}
    assert missing
    assert found.manifest.missing.log_begins_at == kept[0].received_at - 1


def test_a_log_without_revisions_is_judged_by_the_registry(tmp_path: Path) -> None:
    office = closed_later(Office(tmp_path, town(), day(), revisions=False))
    pack = office.export(dump_of(office))
    assert verify(pack, KEY.public, "9.9.9").same
    revisions = [line for line in lines(pack, "raw/messages.jsonl") if "revision" in line]
    assert [(line["revision"], line["logged_sha256"]) for line in revisions] == [
        ("judging/city-0.json", ""),
        ("judging/rules-0.json", ""),
    ]


def test_somebody_who_sees_a_part_gets_nothing_of_the_rest(office: Office) -> None:
    """The ticket that took the dump of T4 back is of a weighbridge that this person may not see."""
    whole = office.city
    part = replace(
        whole,
        devices={"T4": whole.devices["T4"]},
        vehicles={"VT4": whole.vehicles["VT4"]},
        sites={"source": whole.sites["source"]},
    )
    pack = office.exporter.export(dump_of(office, "T4"), EXPORTED, part)
    found = verify(pack, KEY.public, "9.9.9")
    assert not found.same
    for name, content in read_archive(pack).items():
        if not name.startswith(("alert/", MANIFEST)):  # the alert itself names the ticket
            for other in (b'"W1"', b"/W1/", b"othertip"):
                assert other not in content, name


def test_an_alert_of_somebody_else_is_unknown(office: Office) -> None:
    part = replace(office.city, devices={})
    with pytest.raises(NoSuchAlert):
        office.exporter.export(dump_of(office), EXPORTED, part)
    with pytest.raises(NoSuchAlert, match="0000000000000000"):
        office.export("0" * 16)


def test_a_device_that_was_removed_from_the_registry_is_still_shown(office: Office) -> None:
    """The city of the log counts, not that of now."""
    now: City = replace(office.city, devices={}, vehicles={})
    exporter = replace(office.exporter, city=lambda: now)
    assert exporter.export(dump_of(office), EXPORTED) == office.export(dump_of(office))


def test_the_corridor_is_that_of_the_rules(office: Office) -> None:
    seen: list[Contents] = []

    def records(contents: Contents) -> dict[str, bytes | str]:
        seen.append(contents)
        return {"record_zh.pdf": "no font"}

    pack = replace(office.exporter, records=records).export(dump_of(office), EXPORTED)
    assert seen[0].corridor_m == corridor_m(RULES.rules)
    assert Manifest.model_validate_json(read_archive(pack)[MANIFEST]).notes == ("record_zh.pdf was not made: no font",)
