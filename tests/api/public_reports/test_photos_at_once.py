"""Photos of informants that arrive together, beside what people of the city do meanwhile."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import BinaryIO

from httpx import ASGITransport, AsyncClient

from api.app import create_app
from api.ports import ApiOptions, ApiParts
from api.public_reports.pages import MAX_PHOTOS
from devices.people.model import Role
from rules.alerts.journal import AlertJournal
from rules.attachments.files import AttachmentFiles
from rules.attachments.inspection import Bounds, Inspected, inspect
from rules.attachments.model import Limits
from rules.attachments.store import AttachmentStore
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change
from tests.api.persons import add_person, signed_in
from tests.api.public_reports.conftest import ON, Wall, sent, slip
from tests.rules.attachments.pictures import photo
from tests.waiting import PATIENCE_S, eventually

OPTIONS = ApiOptions(version="1", token="write-token-for-tests", reports=ON)
UPLOADS = f"/api/v1/alerts/{change().alert_id}/attachments?name=a.jpg"


async def test_files_that_wait_to_be_looked_at_keep_nobody_waiting(
    timed: ApiParts, attachments: AttachmentStore, journal: AlertJournal, wall: Wall, tmp_path: Path
) -> None:
    """Four photos of the public and two of an officer, in a server of four threads."""
    journal.record([change()], NOW)
    go_on, looked_at = Event(), 0

    def slow(file: BinaryIO, bounds: Bounds) -> Inspected:
        nonlocal looked_at
        looked_at += 1
        assert go_on.wait(PATIENCE_S)
        return inspect(file, bounds)

    store = AttachmentStore(attachments._engine, AttachmentFiles(tmp_path / "slow"), Limits(), inspect=slow)
    parts = replace(timed, attachments=store)
    add_person(parts, "officer", Role.OFFICER)
    threads = ThreadPoolExecutor(4)
    asyncio.get_running_loop().set_default_executor(threads)
    app = create_app(parts, OPTIONS)
    form = app.state.public_form
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        keys = dict(zip(("X-Report-Number", "X-Report-Code"), slip(await sent(client, wall)), strict=True))
        headers = await signed_in(client, "officer")
        public = [
            asyncio.create_task(
                client.post("/report/photo", content=photo(size=(100 + n, 80), exif=False), headers=keys)
            )
            for n in range(4)
        ]
        await eventually(lambda: form.photos_now == 4 and looked_at == 1)
        own = [
            asyncio.create_task(client.post(UPLOADS, content=photo(size=(200 + n, 80)), headers=headers))
            for n in range(2)
        ]
        try:
            await eventually(lambda: looked_at == 2, "a slot is kept for people who are signed in")
            answer = await asyncio.wait_for(client.get("/api/v1/cases", headers=headers), PATIENCE_S)
            assert answer.status_code == 200
        finally:
            go_on.set()
        assert [one.status_code for one in await asyncio.gather(*own)] == [201, 201]
        assert sorted(one.status_code for one in await asyncio.gather(*public)) == [201, 201, 201, 422]


async def test_photos_that_arrive_together_are_no_more_than_one_after_the_other(timed: ApiParts, wall: Wall) -> None:
    async with client_of(timed, OPTIONS) as client:
        keys = dict(zip(("X-Report-Number", "X-Report-Code"), slip(await sent(client, wall)), strict=True))
        answers = await asyncio.gather(
            *(
                client.post("/report/photo", content=photo(size=(100 + n, 80), exif=False), headers=keys)
                for n in range(4)
            )
        )
    assert sorted(answer.text for answer in answers if answer.status_code == 201) == [
        f'{{"photos":{count + 1}}}' for count in range(MAX_PHOTOS)
    ]
