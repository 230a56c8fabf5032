"""What the API process holds is closed at its end, and what was opened is closed where something cannot be."""

import asyncio
from pathlib import Path

import pytest

from haulwatch import migrations
from haulwatch.settings.load import load_settings
from haulwatch.wiring import api
from rules.alerts.journal import AlertJournal
from tests.rules.town import town


class NoProcesses(Exception):
    """Stands for the last part that cannot be opened."""


async def test_what_was_opened_is_closed_when_the_last_part_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = AlertJournal.close

    def noted(journal: AlertJournal) -> None:
        closed.append("journal")
        close(journal)

    def fails(_: Path) -> None:
        raise NoProcesses

    monkeypatch.setattr(AlertJournal, "close", noted)
    monkeypatch.setattr(api, "PackProcesses", fails)
    settings = load_settings({"HAULWATCH_DATA_DIR": str(tmp_path)})
    migrations.upgrade(settings.database_url.get_secret_value())
    with pytest.raises(NoProcesses):
        async with api.api_process(settings, town, asyncio.Event()):
            pass
    assert closed == ["journal"]
