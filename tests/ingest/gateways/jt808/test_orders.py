"""Commands to terminals: what they become on the wire, when they are sent, and what their answers mean."""

import pytest

from devices.codecs.jt808.controls import Control, SetParameters, Text
from devices.codecs.jt808.frame import Frame
from devices.commands.model import (
    Acknowledgement,
    CommandOutcome,
    Locate,
    LockLift,
    Order,
    Reboot,
    Received,
    ReportInterval,
    ShowText,
)
from ingest.gateways.jt808.orders import (
    MAX_PER_TERMINAL,
    MAX_TERMINALS,
    CommandTable,
    DownMessage,
    down_message,
    is_phone,
)

PHONE = "013912345678"
NOW = 1_790_000_000_000
SAME, NEXT = 1, 2
"""Connections."""


def command(order: Order | None, number: int = 1) -> Received:
    return Received(id=f"{number:016x}", expires_at=NOW + 300_000, order=order)


def outcome(answer: Acknowledgement | None) -> CommandOutcome | None:
    return None if answer is None else answer.outcome


def read(message: DownMessage | None, version: int | None = None) -> Frame:
    assert message is not None
    return Frame(message.message_id, PHONE, 1, message.body, version)


def test_each_order_becomes_the_message_of_the_standard() -> None:
    assert down_message(Locate(), None) == DownMessage(0x8201, b"")
    interval = read(down_message(ReportInterval(interval_s=30), None))
    assert interval.message_id == 0x8103
    assert [(one.id, one.raw) for one in SetParameters.read(interval).parameters] == [
        (0x0022, b"\0\0\0\x1e"), (0x0029, b"\0\0\0\x1e"),
    ]  # fmt: skip
    reset = read(down_message(Reboot(), 1))
    assert (reset.message_id, Control.read(reset)) == (0x8105, Control(4))
    for version in (None, 1):
        text = read(down_message(ShowText(text="前方封闭"), version), version)
        assert (text.message_id, Text.read(text).text) == (0x8300, "前方封闭")
    assert down_message(LockLift(locked=True), None) is None
    assert down_message(ShowText(text="\N{TRACTOR}"), None) is None


@pytest.mark.parametrize("device_id", ["truck-001", "24e124136b000001", "01391234567", "", "013912345678x"])
def test_commands_to_other_devices_are_told_apart(device_id: str) -> None:
    assert not is_phone(device_id)
    assert is_phone(PHONE)
    assert is_phone("00000000013912345678")


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (0, CommandOutcome.DONE),
        (1, CommandOutcome.REFUSED),
        (2, CommandOutcome.REFUSED),
        (3, CommandOutcome.UNSUPPORTED),
        (9, CommandOutcome.REFUSED),
    ],
)
def test_the_answer_of_the_terminal_is_the_outcome(result: int, expected: CommandOutcome) -> None:
    table = CommandTable()
    assert table.add(PHONE, command(Locate()), NOW) is None
    [due] = table.due(PHONE, SAME, NOW)
    table.sent(PHONE, due.command_id, SAME, 41)
    assert table.answered(PHONE, SAME, 40, result, NOW + 1) is None
    assert table.answered("013900000000", SAME, 41, result, NOW + 1) is None
    answer = table.answered(PHONE, SAME, 41, result, NOW + 1)
    assert outcome(answer) is expected
    assert table.answered(PHONE, SAME, 41, result, NOW + 2) is None
    assert table.add(PHONE, command(Locate()), NOW + 3) == answer
    assert table.due(PHONE, NEXT, NOW + 3) == []


def test_a_copy_is_not_sent_again_on_the_same_connection_but_on_the_next() -> None:
    table = CommandTable()
    for order, again in ((Locate(), 1), (Reboot(), 0)):
        sent = command(order, again)
        table.add(PHONE, sent, NOW)
        table.sent(PHONE, sent.id, SAME, again)
        table.add(PHONE, sent, NOW + 10_000)
    assert table.due(PHONE, SAME, NOW) == []
    assert [due.order for due in table.due(PHONE, NEXT, NOW)] == [Locate()]


def test_a_terminal_that_comes_back_has_restarted() -> None:
    table, sent = CommandTable(), command(Reboot())
    table.add(PHONE, sent, NOW)
    assert table.came_back(PHONE, SAME, NOW) == []
    table.sent(PHONE, sent.id, SAME, 5)
    assert table.came_back(PHONE, SAME, NOW) == []
    assert [answer.outcome for answer in table.came_back(PHONE, NEXT, NOW + 9)] == [CommandOutcome.DONE]
    assert table.came_back(PHONE, NEXT + 1, NOW + 9) == []


@pytest.mark.parametrize("order", [LockLift(locked=True), None])
def test_what_no_message_can_say_is_unsupported_at_once(order: Order | None) -> None:
    table = CommandTable()
    assert outcome(table.add(PHONE, command(order), NOW)) is CommandOutcome.UNSUPPORTED
    assert table.due(PHONE, SAME, NOW) == []


def test_a_command_waits_for_its_terminal_and_no_longer_than_it_is_valid() -> None:
    table = CommandTable()
    table.add(PHONE, command(Locate()), NOW)
    assert len(table.due(PHONE, SAME, NOW + 300_000)) == 1
    assert table.due(PHONE, SAME, NOW + 300_001) == []
    assert table.add(PHONE, command(Locate(), 2), NOW + 300_001) is None
    assert table.due(PHONE, SAME, NOW + 300_001) == []


def test_many_commands_are_bounded_by_terminal_and_in_all() -> None:
    table = CommandTable()
    for number in range(MAX_PER_TERMINAL + 5):
        table.add(PHONE, command(Locate(), number), NOW)
    assert [int(due.command_id, 16) for due in table.due(PHONE, SAME, NOW)] == list(range(5, MAX_PER_TERMINAL + 5))
    for number in range(MAX_TERMINALS):
        table.add(f"{number:012d}", command(Locate()), NOW)
    assert table.due(PHONE, SAME, NOW) == []
    assert len(table.due(f"{MAX_TERMINALS - 1:012d}", SAME, NOW)) == 1
