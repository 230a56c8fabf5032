"""Manifests by the users of judge and API in a real PostgreSQL: each may do its part, and no more."""

from contextlib import closing

import pytest

from devices.db.database import open_database
from devices.readings.manifests import ManifestDeed
from rules.manifests.document import ManifestRequest
from rules.manifests.journal import ManifestJournal
from rules.manifests.machine import event_of, issue, step
from rules.manifests.model import TruckManifest
from rules.manifests.store import ManifestStore
from tests.haulwatch.wiring.roles.as_process import of_role, refused
from tests.rules.manifests.test_store import NOW, document
from tests.rules.town import town

pytestmark = pytest.mark.real


def test_the_api_issues_the_judge_follows_and_neither_does_the_work_of_the_other(url: str) -> None:
    desk = ManifestStore(open_database(of_role(url, "serve")), town, lambda terms, device_id: terms.arrive_by)
    judge = ManifestStore(open_database(of_role(url, "judge")), town, lambda terms, device_id: 0)
    journal = ManifestJournal(open_database(of_role(url, "judge")))
    with closing(desk), closing(judge), closing(journal):
        number = desk.issue(document(), "li", NOW).manifest.number
        desk.act(number, ManifestRequest(ManifestDeed.CONFIRM_SOURCE, "li", NOW + 1, 1))
        assert judge.check_due(NOW + 3_600_000) == 1
        waiting = judge.waiting(10)
        judge.mark_appended([one.no for one in waiting])
        events = [event_of(one.action) for one in waiting]
        found = issue(number, events[0])
        for event in events[1:]:
            found = step(found, event)
        journal.record([(TruckManifest("T1", found), 5)], "disk", NOW)
        journal.record([(TruckManifest("T1", issue(number, events[0])), 6)], "disk", NOW)
        detail = desk.manifest(number)
        assert detail is not None
        assert (detail.manifest.state, detail.manifest.pending) == ("overdue", 2)
        assert [one.withdrawn_at for one in detail.transitions].count(NOW) == 2
    for role, statement in (
        ("serve", "UPDATE manifest_state SET state = 'closed'"),
        ("serve", "INSERT INTO manifest_transition (number) VALUES ('x')"),
        ("serve", "UPDATE manifest_action SET reason = 'x'"),
        ("serve", "DELETE FROM manifest"),
        ("judge", "UPDATE manifest SET document = '{}'"),
        ("judge", "UPDATE manifest_action SET actor = 'x'"),
        ("judge", "UPDATE manifest_transition SET actor = 'x'"),
        ("record", "SELECT * FROM manifest"),
    ):
        assert refused(url, role, statement)
