"""Messages of a session and controls: editions distinguished by length, and every message written is read again."""

import pytest

from devices.codecs.jt808.body import BodyError, time_field, time_ms
from devices.codecs.jt808.controls import (
    AskParameters,
    Attributes,
    Control,
    DriverCard,
    Follow,
    Parameter,
    ParameterAnswer,
    SetParameters,
    Text,
)
from devices.codecs.jt808.frame import Frame
from devices.codecs.jt808.messages import (
    Answer,
    Authentication,
    Registration,
    RegistrationAnswer,
    Resend,
    ServerTime,
    VendorTime,
)

AT_MS = 1_795_912_200_000
"""2026-11-29T00:30:00Z, 08:30 in GMT+8."""


def frame(body: bytes, version: int | None = None) -> Frame:
    return Frame(0, "0" * (12 if version is None else 20), 0, body, version)


@pytest.mark.parametrize("edition", ["2011", "2013", "2019"])
@pytest.mark.parametrize("version", [None, 1])
def test_the_length_of_a_registration_tells_its_edition(edition: str, version: int | None) -> None:
    """Whatever the header says. Text may begin with a space, and has no NULs behind it."""
    sent = Registration(44, 303, "70111", " M7", "0567872", 1, "粤B88888", edition)
    assert Registration.read(frame(sent.body(), version)) == sent


def test_text_keeps_what_stands_before_it() -> None:
    body = Registration(1, 2, "a", "b", "c", 1, "", "2013").body()
    assert Registration.read(frame(body[:9] + b"\x00\x00b" + body[12:])).model == "\x00\x00b"


@pytest.mark.parametrize(("width", "numbers"), [(1, (1,)), (2, (1,)), (1, (1, 2, 300)), (2, (1, 2, 300)), (2, ())])
def test_the_count_of_a_resend_has_one_byte_or_two(width: int, numbers: tuple[int, ...]) -> None:
    body = b"\x10\x99" + len(numbers).to_bytes(width) + b"".join(number.to_bytes(2) for number in numbers)
    assert Resend.read(frame(body)) == Resend(0x1099, numbers)
    assert Resend.read(frame(Resend(0x1099, numbers).body())) == Resend(0x1099, numbers)


@pytest.mark.parametrize("widths", Attributes.WIDTHS)
def test_the_inner_lengths_of_attributes_tell_their_layout(widths: tuple[int, int, int]) -> None:
    texts = b"".join(text.ljust(size, b"\x00") for text, size in zip((b"yzh", b"m", b"t"), widths, strict=True))
    body = b"\x00\x05" + texts + bytes.fromhex("12345678901234567890") + b"\x02h1\x03f22\x07\x09"
    found = Attributes.read(frame(body, 1))
    assert (found.maker, found.model, found.terminal, found.maker_bytes) == ("yzh", "m", "t", widths[0])
    assert (found.iccid, found.hardware, found.firmware) == ("12345678901234567890", "h1", "f22")
    assert (found.gnss_bits, found.network_bits) == (7, 9)


def test_times() -> None:
    """Sources contradict each other on the zone of the platform's answer: whoever asks says which he means."""
    assert time_field(AT_MS).hex() == "261129083000"
    assert ServerTime(AT_MS).body(utc=True).hex() == "261129003000"
    for utc in (False, True):
        assert ServerTime.read(frame(ServerTime(AT_MS).body(utc=utc)), utc=utc) == ServerTime(AT_MS)
    assert VendorTime(AT_MS).body().hex() == "07ea0b1d001e0000"
    assert time_ms(bytes.fromhex("260229083000")) is None
    assert time_ms(b"\x26\x11") is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (Answer(7, 0x0200, 3), Answer.read),
        (RegistrationAnswer(7, 0, "code"), RegistrationAnswer.read),
        (RegistrationAnswer(7, 4), RegistrationAnswer.read),
        (SetParameters((Parameter(0x29, b"\x00\x00\x00\x1e"), Parameter(0x13, b"example.org"))), SetParameters.read),
        (AskParameters((0x29, 0x13)), AskParameters.read),
        (Follow(5, 600), Follow.read),
        (Follow(0), Follow.read),
        (Control(Control.RESET), Control.read),
    ],
)
def test_what_the_platform_writes_is_read(sent: Answer, read: object) -> None:
    assert callable(read)
    assert read(frame(sent.body())) == sent


@pytest.mark.parametrize("version", [None, 1])
def test_what_differs_by_edition_is_read(version: int | None) -> None:
    text = Text(Text.URGENT | Text.READ_ALOUD, "请减速 slow")
    assert Text.read(frame(text.body(version), version)) == text
    code = Authentication("secret", "1" * 15, "v2") if version else Authentication("secret")
    assert Authentication.read(frame(code.body(version), version)) == code


def test_parameters_have_the_type_of_their_id() -> None:
    parameters = (
        Parameter(0x13, "测试".encode("gbk")),
        Parameter(0x29, b"\x00\x00\x00\x1e"),
        Parameter(0xF364, b"abc"),
    )
    answer = ParameterAnswer.read(frame(b"\x00\x07" + SetParameters(parameters).body()))
    assert (answer.serial, [one.value for one in answer.parameters]) == (7, ["测试", 30, b"abc"])


def test_a_card_that_was_taken_out_names_nobody() -> None:
    out = DriverCard.read(frame(b"\x02" + time_field(AT_MS)))
    assert out == DriverCard(is_in=False, at_ms=AT_MS)
    assert DriverCard.read(frame(b"\x01" + time_field(AT_MS) + b"\x03")).result == 3


@pytest.mark.parametrize(
    "read", [Answer.read, Registration.read, Attributes.read, Follow.read, Resend.read, DriverCard.read]
)
def test_a_body_that_is_too_short_names_the_field(read: object) -> None:
    assert callable(read)
    with pytest.raises(BodyError) as caught:
        read(frame(b"\x00"))
    assert str(caught.value).startswith(caught.value.field)


def test_text_that_a_terminal_cannot_show_is_not_written() -> None:
    with pytest.raises(ValueError, match="gbk"):
        Text(0, "\U0001f69b").body(None)
