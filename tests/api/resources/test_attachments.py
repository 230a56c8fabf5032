"""Photos and documents over HTTP: sent as bytes, given out so that no browser runs them, removed with a reason."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import AsyncClient, TransportError

from api.attachments import receiving
from api.ports import ApiOptions, ApiParts
from devices.people.audit import AuditFilter
from devices.people.model import Role
from rules.alerts.journal import AlertJournal
from rules.attachments.files import AttachmentFiles
from rules.attachments.model import Limits, Owner, OwnerKind
from rules.attachments.store import AttachmentStore
from tests.api.conftest import client_of
from tests.api.fakes import NOW, change
from tests.api.persons import add_person, signed_in
from tests.api.resources.test_alert_stream import served
from tests.rules.attachments.pictures import document, photo
from tests.waiting import PATIENCE_S, eventually

ALERT = change().alert_id
PATH = f"/api/v1/alerts/{ALERT}/attachments"
OPTIONS = ApiOptions(version="1", token="write-token-for-tests", max_file_bytes=300_000)


@pytest.fixture
async def client(parts: ApiParts, journal: AlertJournal) -> AsyncIterator[AsyncClient]:
    journal.record([change()], NOW)
    for role in Role:
        add_person(parts, f"the-{role}", role)
    async with client_of(parts, OPTIONS) as client:
        yield client


async def sent(client: AsyncClient, content: bytes, name: str = "a", as_: str = "the-operator") -> dict[str, str]:
    answer = await client.post(PATH, params={"name": name}, content=content, headers=await signed_in(client, as_))
    assert answer.status_code in {200, 201}, answer.text
    found: dict[str, str] = answer.json()
    return found


async def test_a_photo_is_sent_listed_given_out_and_removed(client: AsyncClient, parts: ApiParts) -> None:
    content = photo()
    one = await sent(client, content, "现场/照片.html")
    viewer, officer = await signed_in(client, "the-viewer"), await signed_in(client, "the-officer")
    assert (await client.get(PATH, headers=viewer)).json() == [one]
    assert (one["name"], one["media_type"], one["added_by"]) == ("照片.html.jpg", "image/jpeg", "the-operator")
    assert one["claims"]["camera"] == "HUAWEI P60"  # type: ignore[index]
    file = await client.get(f"{PATH}/{one['id']}", headers=viewer)
    assert (file.status_code, file.content) == (200, content)
    small = await client.get(f"{PATH}/{one['id']}/thumbnail", headers=viewer)
    assert (small.status_code, small.content[:3]) == (200, b"\xff\xd8\xff")
    for answer in (file, small):
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
    assert file.headers["Content-Disposition"] == (
        "attachment; filename=\"__.html.jpg\"; filename*=UTF-8''%E7%85%A7%E7%89%87.html.jpg"
    )
    refused = await client.post(f"{PATH}/{one['id']}/remove", json={"reason": ""}, headers=officer)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "body.reason")
    gone = await client.post(f"{PATH}/{one['id']}/remove", json={"reason": "another truck"}, headers=officer)
    assert (gone.status_code, gone.json()["removed_by"]) == (200, "the-officer")
    [listed] = (await client.get(PATH, headers=viewer)).json()
    assert (listed["removed_reason"], listed["claims"]) == ("another truck", None)
    for path in (one["id"], f"{one['id']}/thumbnail"):
        assert (await client.get(f"{PATH}/{path}", headers=viewer)).status_code == 404
    again = await client.post(f"{PATH}/{one['id']}/remove", json={"reason": "x"}, headers=officer)
    assert again.status_code == 404
    entries = parts.people.audit.entries(AuditFilter(), limit=50)
    template = "/api/v1/alerts/{alert_id}/attachments"
    done = {(entry.actor, entry.action, entry.target, entry.status) for entry in entries}
    assert {
        ("the-operator", f"POST {template}", ALERT, 201),
        ("the-viewer", f"GET {template}", ALERT, 200),
        ("the-viewer", f"GET {template}/{{attachment_id}}", f"{ALERT} {one['id']}", 200),
        ("the-officer", f"POST {template}/{{attachment_id}}/remove", f"{ALERT} {one['id']}", 200),
    } <= done


async def test_of_two_people_who_remove_it_at_once_one_does(client: AsyncClient) -> None:
    headers = await signed_in(client, "the-officer")
    for name in range(3):
        one = await sent(client, photo(size=(100 + name, 80)))
        path = f"{PATH}/{one['id']}/remove"
        answers = await asyncio.gather(
            *(client.post(path, json={"reason": "another truck"}, headers=headers) for _ in range(4))
        )
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]


@pytest.mark.parametrize("reason", ["\x1b]0;owned\x07", "\u202egnp.truck", "\x00", " ", "x" * 501])
async def test_a_reason_is_short_and_has_no_invisible_character(client: AsyncClient, reason: str) -> None:
    one = await sent(client, photo())
    headers = await signed_in(client, "the-officer")
    answer = await client.post(f"{PATH}/{one['id']}/remove", json={"reason": reason}, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.reason")


async def test_an_answer_that_was_lost_may_be_asked_for_again(client: AsyncClient) -> None:
    first = await sent(client, document())
    headers = await signed_in(client, "the-operator")
    again = await client.post(PATH, params={"name": "b"}, content=document(), headers=headers)
    assert (again.status_code, again.json()) == (200, first)


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"", 422, "invalid"),
        (b"<svg/>", 422, "invalid"),
        (photo()[:-100], 422, "invalid"),
        (b"\xff" * 300_001, 413, "too-large"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    client: AsyncClient, attachments: AttachmentStore, tmp_path: Path, content: bytes, status: int, kind: str
) -> None:
    headers = await signed_in(client, "the-operator")
    answer = await client.post(PATH, params={"name": "a.jpg"}, content=content, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:haulwatch:problem:{kind}")
    if status == 422:
        assert answer.json()["errors"][0]["field"] == "body"
    assert attachments.attachments(Owner(OwnerKind.ALERT, ALERT)) == []
    assert [path for path in (tmp_path / "attachments").glob("*/*") if path.is_file()] == []


async def test_a_stream_without_an_end_is_cut_off_at_the_limit(client: AsyncClient, tmp_path: Path) -> None:
    """100 MB in pieces, without a Content-Length: no more than the limit is read, and none of it stays."""
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        for _ in range(1_600):
            asked += 1
            yield b"\xff\xd8\xff" + b"\0" * 65_533

    headers = await signed_in(client, "the-operator")
    answer = await client.post(PATH, params={"name": "a.jpg"}, content=endless(), headers=headers)
    assert answer.status_code == 413
    assert asked < 10
    assert [path for path in (tmp_path / "attachments").glob("*/*") if path.is_file()] == []


async def test_other_bodies_keep_their_limit(client: AsyncClient) -> None:
    headers = await signed_in(client, "the-operator")
    answer = await client.post(PATH.replace("attachments", "comment"), content=b"x" * 65_537, headers=headers)
    assert answer.status_code == 413


async def test_without_a_role_nothing_is_read_of_the_body(client: AsyncClient) -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield b"x" * 1_000

    for headers in ({}, await signed_in(client, "the-viewer")):
        answer = await client.post(PATH, params={"name": "a"}, content=endless(), headers=headers)
        assert answer.status_code in {401, 403}
    assert asked <= 2


async def test_one_person_sends_two_files_at_a_time(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()
    begun = 0

    async def slow() -> AsyncIterator[bytes]:
        nonlocal begun
        begun += 1
        yield document()
        await asyncio.wait_for(go_on.wait(), PATIENCE_S)

    headers, other = await signed_in(client, "the-operator"), await signed_in(client, "the-officer")
    sending = [
        asyncio.create_task(client.post(PATH, params={"name": "a"}, content=slow(), headers=headers)) for _ in range(2)
    ]
    await eventually(lambda: begun == receiving.OF_ONE)
    third = await client.post(PATH, params={"name": "a"}, content=document(2), headers=headers)
    assert (third.status_code, third.json()["type"]) == (429, "urn:haulwatch:problem:too-busy")
    assert (await client.post(PATH, params={"name": "a"}, content=document(2), headers=other)).status_code == 201
    go_on.set()
    assert sorted(answer.status_code for answer in await asyncio.gather(*sending)) == [200, 201]
    assert (await client.post(PATH, params={"name": "a"}, content=document(3), headers=headers)).status_code == 201


async def test_a_file_whose_bytes_changed_is_refused_by_name(client: AsyncClient, tmp_path: Path) -> None:
    one = await sent(client, document(), "处罚决定.pdf")
    path = tmp_path / "attachments" / one["sha256"][:2] / one["sha256"]
    path.write_bytes(document()[:-1] + b"x")
    answer = await client.get(f"{PATH}/{one['id']}", headers=await signed_in(client, "the-viewer"))
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:haulwatch:problem:spoiled")
    assert "处罚决定.pdf" in answer.json()["detail"]


async def test_a_full_disk_is_an_answer_of_its_own(parts: ApiParts, journal: AlertJournal, tmp_path: Path) -> None:
    journal.record([change()], NOW)
    engine = parts.attachments._engine  # type: ignore[attr-defined]
    full = AttachmentStore(engine, AttachmentFiles(tmp_path / "attachments"), Limits(), lambda: False)
    async with client_of(replace(parts, attachments=full), OPTIONS) as client:
        headers = {"Authorization": "Bearer write-token-for-tests"}
        answer = await client.post(PATH, params={"name": "a", "actor": "li"}, content=b"x", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (507, "urn:haulwatch:problem:no-room")
        answer = await client.post(PATH, params={"name": "a"}, content=b"x", headers=headers)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "query.actor")


async def test_over_a_real_connection_a_photo_arrives_and_a_stream_without_an_end_does_not(
    parts: ApiParts, journal: AlertJournal, tmp_path: Path
) -> None:
    """100 MB to a limit of 300 kB: the server answers or closes, reads no more of it, and goes on."""
    journal.record([change()], NOW)
    add_person(parts, "officer", Role.OFFICER)
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        for _ in range(1_600):
            yield b"\xff\xd8\xff" + b"\0" * 65_533
            taken += 65_536

    async with (
        served(parts, max_file_bytes=300_000) as server,
        AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=PATIENCE_S) as client,
    ):
        headers = await signed_in(client, "officer")
        try:
            answer = await client.post(PATH, params={"name": "a"}, content=endless(), headers=headers)
            assert answer.status_code == 413
        except TransportError:
            pass  # it closed while we were sending
        assert taken < 50 << 20
        photographed = photo()
        answer = await client.post(PATH, params={"name": "a"}, content=photographed, headers=headers)
        assert answer.status_code == 201
        file = await client.get(f"{PATH}/{answer.json()['id']}", headers=headers)
        assert (file.content, file.headers["Content-Length"]) == (photographed, str(len(photographed)))
    assert len([path for path in (tmp_path / "attachments").glob("??/*") if path.is_file()]) == 1
    assert list((tmp_path / "attachments" / "incoming").iterdir()) == []
