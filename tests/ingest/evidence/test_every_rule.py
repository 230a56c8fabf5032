"""Each rule of the catalogue, by its story, among other devices: its pack holds few of them, and judges the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from ingest.evidence.record.document import NO_FONT, records
from ingest.evidence.verification import verify
from rules.catalogue import rule_names
from tests.closing import closed_later
from tests.ingest.evidence.office import EXPORTED, KEY, Office, message, with_ticks
from tests.rules.engine.test_every_rule_in_any_order import records as story
from tests.rules.stories import STORIES


@pytest.mark.parametrize("rule", rule_names())
def test_the_pack_of_an_alert_of_each_rule_judges_the_same(rule: str, tmp_path: Path) -> None:
    sent = [message(reading, at + 500) for at, reading in story(rule, {}, 0) if reading is not None]
    office = closed_later(Office(tmp_path, STORIES[rule][0], with_ticks(sent)))
    exporter = replace(office.exporter, records=lambda contents: records(contents, None))
    assert office.alert_ids(rule)
    for alert_id in office.alert_ids(rule):
        found = verify(exporter.export(alert_id, EXPORTED), KEY.public, "9.9.9")
        assert [note for note in found.manifest.notes if NO_FONT not in note] == []
        assert (found.why_not, found.comparison and found.comparison.differences) == ("", ())
        assert found.manifest.judged_again.same
        messages = found.manifest.messages
        assert messages.places == ("all" if messages.scope == "all" else "near")
        journal = office.journal.alert(alert_id)
        assert journal is not None
        assert found.comparison is not None
        assert [change.model_dump() for change in found.comparison.changes] == [
            entry.change.model_dump() for entry in journal.changes
        ]
