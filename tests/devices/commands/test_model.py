"""Encoding, reading and life of commands and acknowledgements."""

import json

import pytest

from devices.city.model import DeviceRole
from devices.codecs.topics import command_ack_topic, command_topic, reading_topic
from devices.commands.model import (
    ABILITIES,
    GRACE_MS,
    ORDER,
    Acknowledgement,
    Command,
    CommandKind,
    CommandOutcome,
    CommandState,
    LockLift,
    Reboot,
    ReportInterval,
    Unreadable,
    answering_device,
    issue,
    next_due_ms,
    read_acknowledgement,
    read_command,
)

T0 = 1_790_000_000_000
ID = "3f0a9c51be7d2846"


def a_command() -> Command:
    return issue(ID, "truck-1", ReportInterval(interval_s=30), actor="li", note=None, now_ms=T0, ttl_s=300)


def test_a_command_is_encoded_as_in_the_contract() -> None:
    payload = json.loads(a_command().payload())
    assert payload == {
        "id": ID, "kind": "report_interval", "interval_s": 30, "issued_at": T0, "expires_at": T0 + 300_000,
    }  # fmt: skip
    received = read_command(a_command().payload())
    assert (received.id, received.expires_at, received.order) == (ID, T0 + 300_000, ReportInterval(interval_s=30))


@pytest.mark.parametrize(
    "order",
    [
        {"kind": "dance"},
        {"kind": "report_interval"},
        {"kind": "report_interval", "interval_s": 0},
        {"kind": "report_interval", "interval_s": 3_601},
        {"kind": "report_interval", "interval_s": "30"},
        {"kind": "lock_lift", "locked": 1},
        {"kind": "show_text", "text": "x" * 65},
        {},
    ],
)
def test_an_unknown_command_can_still_be_answered(order: dict[str, object]) -> None:
    received = read_command(json.dumps({"id": ID, "issued_at": T0, "expires_at": T0 + 1} | order).encode())
    assert (received.id, received.order) == (ID, None)


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{}", b'{"id": "X", "expires_at": 1}', b'{"id": 7}'])
def test_a_command_without_an_id_is_unreadable(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        read_command(payload)


def test_an_answer_is_read_back_and_its_text_is_made_printable() -> None:
    acknowledgement = Acknowledgement(id=ID, outcome=CommandOutcome.REFUSED, at=T0, detail="the bed is raised")
    assert read_acknowledgement(acknowledgement.payload()) == acknowledgement
    unprintable = {"id": ID, "outcome": "done", "at": 0, "detail": "\x00\x1b[2J" + "x" * 300, "battery": 3}
    received = read_acknowledgement(json.dumps(unprintable).encode())
    assert received.detail.startswith("\ufffd\ufffd[2Jxxx")
    assert len(received.detail) == 200


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"nonsense", "JSON"),
        (json.dumps({"id": ID, "outcome": "maybe", "at": T0}).encode(), "outcome"),
        (json.dumps({"id": ID, "outcome": "done", "at": "now"}).encode(), "at"),
        (json.dumps({"id": ID, "outcome": "done", "at": 1 << 60}).encode(), "at"),
        (json.dumps({"id": ID.upper(), "outcome": "done", "at": T0}).encode(), "id"),
        (json.dumps({"id": ID, "outcome": "done", "at": T0, "detail": "x" * 4_096}).encode(), "4096 are taken"),
    ],
)
def test_a_payload_that_is_no_answer_is_refused_with_the_reason(payload: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_acknowledgement(payload)


def test_the_topic_names_the_answering_device() -> None:
    assert answering_device(command_ack_topic("truck-1")) == "truck-1"
    for topic in (command_topic("truck-1"), command_ack_topic("a/b"), reading_topic("truck-1", "x") + "/ack", "x"):  # type: ignore[arg-type]
        assert answering_device(topic) is None


def test_the_state_follows_from_sends_and_outcome() -> None:
    new = a_command()
    sent = new.model_copy(update={"sent_at": T0, "sends": 2})
    assert (new.state, sent.state) == (CommandState.WAITING, CommandState.SENT)
    assert {sent.model_copy(update={"outcome": end}).state for end in CommandOutcome} == set(CommandState) - {
        CommandState.WAITING, CommandState.SENT,
    }  # fmt: skip


def test_copies_are_sent_at_doubling_intervals_and_never_after_the_end() -> None:
    end, now, due = T0 + 86_400_000, T0, []
    for sends in range(1, 100):
        now = next_due_ms(now, sends, end)
        due.append(now)
        if now > end:
            break
    assert [due_at - T0 for due_at in due[:3]] == [10_000, 30_000, 70_000]
    assert due[-1] == end + GRACE_MS
    assert len(due) == 14


def test_only_trucks_can_be_located_and_locked() -> None:
    assert ABILITIES[DeviceRole.TRUCK] == set(CommandKind)
    for role in set(DeviceRole) - {DeviceRole.TRUCK}:
        assert ABILITIES[role] == {CommandKind.REPORT_INTERVAL, CommandKind.REBOOT}


@pytest.mark.parametrize("given", [{"actor": ""}, {"actor": "li\u200bwei"}, {"note": "x" * 2_001}])
def test_actor_must_be_visible_text_and_the_note_short(given: dict[str, str]) -> None:
    values = {"actor": "li", "note": "why"} | given
    with pytest.raises(ValueError, match=next(iter(given))):
        issue(ID, "truck-1", Reboot(), actor=values["actor"], note=values["note"], now_ms=T0, ttl_s=5)


def test_every_kind_has_its_order() -> None:
    orders = ({"kind": kind, "interval_s": 5, "locked": False, "text": "x"} for kind in CommandKind)
    assert {ORDER.validate_json(json.dumps(order)).kind for order in orders} == set(CommandKind)
    assert ORDER.validate_python({"kind": CommandKind.LOCK_LIFT, "locked": True}) == LockLift(locked=True)
