"""Positions of publishers by the users of judge and API in a real PostgreSQL."""

from contextlib import closing
from pathlib import Path

import pytest

from devices.db.database import open_database
from ingest.alerts.shared_cursors import SharedCursors
from tests.haulwatch.wiring.roles.as_process import of_role, refused
from tests.ingest.alerts.test_shared_cursors import compare_with_the_file

pytestmark = pytest.mark.real


def test_the_judge_keeps_positions_as_in_a_file_and_the_api_reads_refusals_and_calls(url: str, tmp_path: Path) -> None:
    with closing(SharedCursors(open_database(of_role(url, "judge")))) as judge:
        compare_with_the_file(tmp_path, judge, 60)
        with closing(SharedCursors(open_database(of_role(url, "serve")))) as api:
            assert api.refusals() == judge.refusals()
            assert api.calls(0) == judge.calls(0)
    for role, statement in (
        ("serve", "DELETE FROM publisher_refused"),
        ("serve", "SELECT * FROM publisher_position"),
        ("judge", "UPDATE publisher_delivery SET key = 'x'"),
        ("record", "SELECT * FROM publisher_call"),
    ):
        assert refused(url, role, statement)
