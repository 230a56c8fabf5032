"""Handed cases that were right from the beginning: they stay so."""

from pathlib import Path

from devices.readings.models import Kind
from tests.field_cases.path import PathUnderTest, case


def test_spikes_of_an_insect_on_the_sensor_raise_no_alert(tmp_path: Path) -> None:
    outcome = PathUnderTest(tmp_path).send(case("23-insect-spikes"))
    assert outcome.alerts == []


def test_history_sent_again_after_a_reboot_is_duplicate_and_raises_nothing_twice(tmp_path: Path) -> None:
    path = PathUnderTest(tmp_path)
    history = case("31-history-again-after-reboot")
    first = path.send(history)
    again = path.send(history)
    assert again.ledger.total.stored == first.ledger.total.stored
    assert again.ledger.total.duplicate == first.ledger.total.duplicate + first.ledger.total.received
    assert [alert.alert_id for alert in again.alerts] == [alert.alert_id for alert in first.alerts]


def test_characters_of_line_protocol_are_stored_as_sent(tmp_path: Path) -> None:
    path, sent = PathUnderTest(tmp_path), case("30-line-protocol-characters")
    outcome = path.send(sent)
    plates = {row.fields["plate"] for row in outcome.rows["weighbridge-01", Kind.WEIGHING]}
    assert plates == {message.payload["plate"] for message in sent}
    assert path.send(sent).ledger.total.duplicate == len(sent)
