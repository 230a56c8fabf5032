"""What a terminal gets for what it sends: codes, answers, times; and what is published of it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.codecs.jt808 import messages
from devices.codecs.jt808.frame import Frame as WireFrame
from devices.codecs.jt808.frame import FrameReader, Part, encode_message, parse_frame
from devices.codecs.jt808.location import BATCH, LOCATION_ANSWER
from ingest.gateways.jt808.figures import Refused
from ingest.gateways.jt808.orders import DownMessage
from ingest.gateways.jt808.session import (
    MAX_REGISTRATIONS,
    MAX_STRIKES,
    MAX_WRONG_CODES,
    Policy,
    Reply,
    TerminalClocks,
    TimeAnswer,
)
from tests.conftest import RECORDINGS
from tests.ingest.gateways.jt808.parts import (
    CODES,
    PHONE,
    PHONE_2019,
    POLICY,
    T0,
    Talk,
    answers,
    authentication,
    frame,
    location,
)

VECTORS = RECORDINGS / "dialects" / "jt808.jsonl"
REGISTRATION = messages.Registration(14, 500, "MAKER", "MODEL", "T000001", 2, "晋E12345")


def exchanges(path: Path) -> list[dict[str, object]]:
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if row["kind"] == "exchange"]


def stamp_of(payload: bytes) -> messages.Stamp:
    return messages.Stamp.read(parse_frame(FrameReader().feed(payload)[0]))


@pytest.mark.parametrize("phone", [PHONE, PHONE_2019])
def test_a_terminal_registers_shows_its_code_and_reports(phone: str) -> None:
    talk = Talk()
    registered = talk.send(frame(messages.Registration.ID, REGISTRATION.body(), 1, phone))
    given = messages.RegistrationAnswer.read(parse_frame(registered.answers[0]))
    assert (given.serial, given.result, given.code) == (1, messages.DONE, CODES.code_of(phone))
    assert talk.session.phone == ""
    shown = talk.send(authentication(given.code, phone))
    assert (shown.signed_in, talk.session.phone) == (True, phone)
    assert answers(shown) == [messages.Answer(2, messages.Authentication.ID, messages.DONE)]
    reported = talk.send(location(serial=3, phone=phone))
    assert (reported.phone, reported.payload, reported.is_data) == (phone, location(serial=3, phone=phone), True)
    assert answers(reported) == [messages.Answer(3, 0x0200, messages.DONE)]
    parsed = [parse_frame(raw) for step in (registered, shown, reported) for raw in step.answers]
    assert [found.serial for found in parsed] == [0, 1, 2]
    assert {(found.phone, found.version) for found in parsed} == {(phone, None if phone == PHONE else 1)}


def test_a_restarted_gateway_takes_the_code_that_it_gave_before() -> None:
    code = CODES.code_of(PHONE)
    assert Talk(Policy(type(CODES)(b"a secret of sixteen bytes or more"))).send(authentication(code)).signed_in
    assert not Talk(Policy(type(CODES)(b"another secret of 16 bytes"))).send(authentication(code)).signed_in


def test_codes_of_two_terminals_differ_and_a_secret_is_not_short() -> None:
    assert CODES.code_of(PHONE) != CODES.code_of(PHONE_2019)
    assert len(CODES.code_of(PHONE)) == 16
    assert "secret" not in repr(CODES)
    with pytest.raises(ValueError, match="16 bytes"):
        type(CODES)(b"short")


def test_a_wrong_code_is_refused_and_the_third_ends_the_connection() -> None:
    talk = Talk()
    steps = [talk.send(authentication("0" * 16)) for _ in range(MAX_WRONG_CODES)]
    assert [step.ends for step in steps] == [False, False, True]
    assert {step.refused for step in steps} == {Refused.WRONG_CODE}
    assert answers(steps[0]) == [messages.Answer(2, messages.Authentication.ID, messages.FAILED)]
    assert not any(step.payload for step in steps)


@pytest.mark.parametrize(
    "raw", [location(), frame(messages.HEARTBEAT), frame(messages.ASK_TIME), frame(BATCH, bytes(40))]
)
def test_nothing_but_registration_and_authentication_comes_before_the_code(raw: bytes) -> None:
    step = Talk().send(raw)
    assert (step.refused, step.answers, step.payload) == (Refused.NOT_SIGNED_IN, (), b"")


def test_who_only_registers_is_sent_away_and_a_terminal_that_signed_in_may_go_on() -> None:
    raw = frame(messages.Registration.ID, REGISTRATION.body())
    talk = Talk()
    steps = [talk.send(raw) for _ in range(MAX_REGISTRATIONS + 1)]
    assert [bool(step.payload) for step in steps] == [True] * MAX_REGISTRATIONS + [False]
    assert [step.ends for step in steps] == [False] * MAX_REGISTRATIONS + [True]
    talk = Talk()
    talk.sign_in()
    assert all(talk.send(raw).answers for _ in range(MAX_REGISTRATIONS + 1))


def test_where_registration_is_closed_no_code_is_given() -> None:
    talk = Talk(Policy(CODES, registration_open=False))
    step = talk.send(frame(messages.Registration.ID, REGISTRATION.body()))
    refusal = messages.RegistrationAnswer.read(parse_frame(step.answers[0]))
    assert (refusal.result, refusal.code) == (messages.RegistrationAnswer.NO_TERMINAL, "")
    assert (step.payload, step.refused) == (b"", Refused.REGISTRATION_CLOSED)
    assert talk.sign_in().signed_in


def test_a_connection_speaks_for_one_terminal_only() -> None:
    talk = Talk()
    talk.sign_in()
    step = talk.send(location(phone="013900000001"))
    assert (step.refused, step.answers, step.payload) == (Refused.ANOTHER_PHONE, (), b"")
    assert talk.send(location()).payload


@pytest.mark.parametrize("message_id", [0x8FFE, 0x8001, 0xF001])
def test_a_terminal_cannot_send_what_only_a_platform_sends(message_id: int) -> None:
    """Above all the frame that says when a status came."""
    talk = Talk()
    talk.sign_in()
    step = talk.send(frame(message_id, bytes(16)))
    assert (step.refused, step.payload, step.answers) == (Refused.OF_THE_PLATFORM, b"", ())


def test_bytes_that_are_no_frame_are_counted_and_too_many_in_a_row_end_the_connection() -> None:
    talk = Talk()
    talk.sign_in()
    broken = location()[:-2] + bytes([location()[-2] ^ 1]) + b"\x7e"
    for _ in range(3):
        assert not any(talk.send(broken).ends for _ in range(MAX_STRIKES - 1))
        assert talk.send(location()).payload
    assert [talk.send(broken).ends for _ in range(MAX_STRIKES)][-1]


def test_what_concerns_the_connection_is_stamped_with_time_and_session_and_answered_at_once() -> None:
    talk = Talk()
    shown = talk.sign_in()
    talk.now_ms += 60_000
    beat = talk.send(frame(messages.HEARTBEAT))
    left = talk.send(frame(messages.LOG_OUT))
    for step, at_ms in ((shown, T0), (beat, T0 + 60_000), (left, T0 + 60_001)):
        assert not step.is_data
        assert stamp_of(step.payload) == messages.Stamp(at_ms, T0 // 1000, is_true_time=True)
        assert answers(step)[0].result == messages.DONE
    assert [step.ends for step in (shown, beat, left)] == [False, False, True]
    assert FrameReader().feed(beat.payload)[1] == frame(messages.HEARTBEAT)


def test_no_published_byte_holds_the_code() -> None:
    talk, code = Talk(), CODES.code_of(PHONE)
    steps = [talk.send(frame(messages.Registration.ID, REGISTRATION.body())), talk.sign_in(), talk.send(location())]
    assert all(step.payload and code.encode() not in step.payload for step in steps)


def test_a_status_is_dated_by_the_clock_that_the_terminal_shows_in_its_positions() -> None:
    clocks = TerminalClocks()
    talk = Talk(clocks=clocks)
    talk.sign_in()
    talk.send(location(T0 - 8 * 3_600_000))
    assert stamp_of(talk.send(frame(messages.HEARTBEAT)).payload).at_ms == T0 - 8 * 3_600_000
    again = Talk(clocks=clocks)  # its next connection
    assert stamp_of(again.sign_in().payload).at_ms == T0 - 8 * 3_600_000


def test_positions_that_were_kept_do_not_set_the_clock_and_a_clock_set_back_does() -> None:
    talk = Talk()
    talk.sign_in()
    hour = 3_600_000
    for ts_ms in (T0, T0 - 2 * hour, T0 - hour):
        talk.send(location(ts_ms))
    talk.now_ms += 600_000
    assert stamp_of(talk.send(frame(messages.HEARTBEAT)).payload).at_ms == talk.now_ms
    talk.send(location(talk.now_ms - hour))
    assert stamp_of(talk.send(frame(messages.HEARTBEAT)).payload).at_ms == talk.now_ms - hour


def test_before_the_first_position_a_status_has_the_time_of_the_gateway_and_says_so() -> None:
    talk = Talk()
    assert stamp_of(talk.sign_in().payload).is_true_time
    talk.send(location(T0 - 8 * 3_600_000))
    assert not stamp_of(talk.send(frame(messages.HEARTBEAT)).payload).is_true_time


@pytest.mark.parametrize(("time", "body"), [(TimeAnswer.UTC, "260921141320"), (TimeAnswer.CHINA, "260921221320")])
def test_the_time_is_told_as_the_setting_says(time: TimeAnswer, body: str) -> None:
    assert datetime.fromtimestamp(T0 / 1000, UTC).isoformat() == "2026-09-21T14:13:20+00:00"
    talk = Talk(Policy(CODES, time=time))
    talk.sign_in()
    step = talk.send(frame(messages.ASK_TIME))
    answer = parse_frame(step.answers[0])
    assert (answer.message_id, answer.body.hex(), step.payload) == (0x8004, body, b"")
    vendor = parse_frame(talk.send(frame(messages.VENDOR_ASK_TIME)).answers[0])
    assert (vendor.message_id, vendor.body.hex()) == (0x8109, "07ea09150e0d1400")


def test_an_answer_to_a_command_is_passed_on_and_gets_no_answer() -> None:
    talk = Talk()
    talk.sign_in()
    serial, raw = talk.session.down(DownMessage(0x8105, b"\x04"))
    assert (parse_frame(raw).serial, parse_frame(raw).body) == (serial, b"\x04")
    done = talk.send(frame(messages.Answer.FROM_TERMINAL, messages.Answer(serial, 0x8105, 0).body()))
    assert (done.reply, done.answers, done.payload) == (Reply(serial, 0), (), b"")
    located = talk.send(frame(LOCATION_ANSWER, serial.to_bytes(2) + bytes(28)))
    assert (located.reply, located.answers, located.is_data) == (Reply(serial, 0), (), True)


def test_a_message_that_cannot_be_read_is_answered_so() -> None:
    talk = Talk()
    talk.sign_in()
    step = talk.send(frame(messages.Answer.FROM_TERMINAL, b"\x00"))
    assert (answers(step)[0].result, step.refused) == (messages.BAD_MESSAGE, Refused.UNREADABLE)


def test_media_is_answered_by_its_number() -> None:
    talk = Talk()
    talk.sign_in()
    step = talk.send(frame(0x0801, bytes.fromhex("0000002a") + bytes(40)))
    answer = parse_frame(step.answers[0])
    assert (answer.message_id, answer.body.hex(), step.is_data) == (0x8800, "0000002a", True)


def test_parts_are_published_together_and_each_is_answered_when_all_are_there() -> None:
    talk = Talk()
    talk.sign_in()
    parts = encode_message(WireFrame(BATCH, PHONE, 0xFFFF, bytes(2_500)))
    first, third, second = talk.send(parts[0]), talk.send(parts[2]), talk.send(parts[1])
    assert [step.answers for step in (first, third)] == [(), ()]
    assert (second.payload, second.is_data) == (b"".join(parts), True)
    assert [answer.serial for answer in answers(second)] == [0xFFFF, 0, 1]


def test_overdue_parts_are_asked_for_by_the_serial_of_the_first() -> None:
    talk = Talk()
    talk.sign_in()
    parts = encode_message(WireFrame(BATCH, PHONE, 40, bytes(2_500)))
    talk.send(parts[1])
    assert talk.session.resend_requests(talk.now + 9) == []
    [asked] = talk.session.resend_requests(talk.now + 11)
    request = parse_frame(asked)
    assert (request.message_id, messages.Resend.read(request)) == (0x8003, messages.Resend(40, (1, 3)))


def test_a_message_that_is_too_large_is_refused_with_an_answer_and_leaves_nothing() -> None:
    talk = Talk(message_bytes=2_000)
    talk.sign_in()
    parts = encode_message(WireFrame(BATCH, PHONE, 1, bytes(2_500)))
    steps = [talk.send(raw) for raw in parts]
    assert [step.refused for step in steps] == [None, Refused.TOO_LARGE, Refused.TOO_LARGE]
    assert answers(steps[1])[0].result == messages.NOT_SUPPORTED
    assert not any(step.payload for step in steps)


def test_a_part_that_finds_no_room_gets_no_answer_so_that_the_terminal_keeps_it() -> None:
    talk = Talk()
    talk.sign_in()
    assert talk.budget.take(1 << 20)
    step = talk.send(frame(BATCH, bytes(100), part=Part(2, 1)))
    assert (step.refused, step.answers) == (Refused.NO_ROOM, ())


def test_before_the_code_nothing_is_kept_of_a_message_in_parts() -> None:
    talk = Talk()
    step = talk.send(frame(messages.Registration.ID, bytes(100), part=Part(2, 1)))
    assert (step.refused, step.answers) == (Refused.NOT_SIGNED_IN, ())
    assert talk.budget.take(1 << 20)
    talk.budget.give_back(1 << 20)
    assert talk.send(frame(messages.Registration.ID, REGISTRATION.body(), part=Part(1, 1))).answers


def test_each_status_of_one_millisecond_has_a_time_of_its_own_and_a_clock_set_back_is_followed() -> None:
    talk = Talk()
    steps = [talk.sign_in(), *(talk.send(frame(messages.HEARTBEAT)) for _ in range(3))]
    assert [stamp_of(step.payload).at_ms for step in steps] == [T0, T0 + 1, T0 + 2, T0 + 3]
    talk.now_ms -= 60_000
    assert stamp_of(talk.send(frame(messages.HEARTBEAT)).payload).at_ms == T0 - 60_000


def test_part_numbers_that_promise_too_many_are_refused() -> None:
    talk = Talk()
    talk.sign_in()
    step = talk.send(frame(BATCH, b"x", part=Part(65_535, 1)))
    assert step.refused is Refused.TOO_LARGE
    assert talk.session.resend_requests(talk.now + 100) == []


@pytest.mark.skipif(not VECTORS.exists(), reason=f"{VECTORS.name} is not here")
@pytest.mark.parametrize("row", exchanges(VECTORS), ids=lambda row: row["id"])
def test_public_exchanges_are_answered_as_their_source_does(row: dict[str, object]) -> None:
    """But for our serial, our code, and the one that refuses a code which here is no other than wrong."""
    request = bytes.fromhex(str(row["payload_hex"]))
    parsed = parse_frame(request)
    talk = Talk(POLICY)
    if parsed.message_id not in {messages.Registration.ID, messages.Authentication.ID}:
        talk.sign_in(parsed.phone)
    step = talk.send(request)
    [raw] = step.answers
    ours, theirs = parse_frame(raw), parse_frame(bytes.fromhex(str(row["reply_hex"])))
    assert (ours.message_id, ours.phone, ours.version) == (theirs.message_id, theirs.phone, theirs.version)
    if ours.message_id == messages.RegistrationAnswer.ID:
        assert ours.body[:3] == theirs.body[:3]
        assert messages.RegistrationAnswer.read(ours).code == CODES.code_of(parsed.phone)
    else:
        assert ours.body == theirs.body
