"""Photos of informants: sent with number and code, bounded, and seen by operators."""

from dataclasses import replace

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from api.public_reports.pages import MAX_PHOTOS
from api.public_reports.photos import MAX_BYTES
from rules.attachments.model import Owner, OwnerKind
from tests.api.conftest import client_of
from tests.api.public_reports.conftest import ON, Wall, sent, slip
from tests.rules.attachments.pictures import photo


async def test_an_informant_adds_photos_by_number_and_code_and_operators_see_them(
    public: AsyncClient, timed: ApiParts, wall: Wall
) -> None:
    keys = await keys_of(public, wall)
    number = keys["X-Report-Number"]
    picture = photo(exif=False)

    async def add(content: bytes, headers: dict[str, str] = keys) -> int:
        return (await public.post("/report/photo", content=content, headers=headers)).status_code

    assert await add(picture, {**keys, "X-Report-Code": "AAAA-BBBB-CCCC"}) == 404
    assert await add(b"%PDF-1.7 " + picture) == 422
    assert await add(b"\xff\xd8\xff not a picture") == 422
    assert await add(picture + b"x" * MAX_BYTES) == 413
    owner = Owner(OwnerKind.REPORT, number)
    assert timed.attachments.attachments(owner) == []
    for count in range(MAX_PHOTOS):
        answer = await public.post("/report/photo", content=photo(size=(100 + count, 80), exif=False), headers=keys)
        assert answer.json() == {"photos": count + 1}
    assert await add(photo(size=(99, 80), exif=False)) == 422
    assert len(timed.attachments.attachments(owner)) == MAX_PHOTOS
    headers = {"Authorization": "Bearer write-token-for-tests"}
    shown = (await public.get(f"/api/v1/reports/{number}/attachments", headers=headers)).json()
    assert [one["added_by"] for one in shown] == ["public report"] * MAX_PHOTOS
    assert (await public.get("/api/v1/reports/R-000009/attachments", headers=headers)).status_code == 404


async def test_a_photo_that_was_not_drawn_anew_keeps_neither_place_nor_phone(
    public: AsyncClient, timed: ApiParts, wall: Wall
) -> None:
    keys = await keys_of(public, wall)
    sent = await public.post("/report/photo", content=photo(), headers=keys)
    assert sent.status_code == 201
    [kept] = timed.attachments.attachments(Owner(OwnerKind.REPORT, keys["X-Report-Number"]))
    assert kept.claims is None
    with timed.attachments.open(kept) as file:
        assert b"HUAWEI" not in file.read()


async def test_photos_are_bounded_by_report_by_address_and_in_time(timed: ApiParts, wall: Wall) -> None:
    options = ApiOptions(version="1", reports=replace(ON, per_address=4))
    async with client_of(timed, options) as client:
        first, second = [await keys_of(client, wall) for _ in range(2)]

        async def tried(keys: dict[str, str], times: int) -> list[int]:
            posts = [client.post("/report/photo", content=b"", headers=keys) for _ in range(times)]
            return [(await post).status_code for post in posts]

        assert await tried(first, 11) == [422] * 10 + [429], "ten tries of one report"
        assert await tried(second, 2) == [422, 429], "twelve of one address in an hour"
        wall.now += 3_600_000
        assert await tried(second, 1) == [422]
        wall.now += 86_400_000
        late = await client.post("/report/photo", content=photo(exif=False), headers=second)
        assert late.status_code == 422
        assert "within a day" in late.text


async def test_only_photos_that_were_kept_count_of_those_of_a_day(
    timed: ApiParts, wall: Wall, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(timed, ApiOptions(version="1", reports=replace(ON, max_per_day=2))) as client:
        first, second = [await keys_of(client, wall) for _ in range(2)]
        for _ in range(5):
            assert (await client.post("/report/photo", content=b"", headers=first)).status_code == 422
        for width, status in ((100, 201), (100, 201), (101, 201), (102, 429), (103, 429)):  # the first one twice
            content = photo(size=(width, 80), exif=False)
            assert (await client.post("/report/photo", content=content, headers=second)).status_code == status
    [logged] = [record.message for record in caplog.records if "photos are refused" in record.message]
    assert "HAULWATCH_REPORT_MAX_PER_DAY" in logged


async def keys_of(client: AsyncClient, wall: Wall) -> dict[str, str]:
    """Of a report that was sent just now."""
    number, code = slip(await sent(client, wall))
    return {"X-Report-Number": number, "X-Report-Code": code}
