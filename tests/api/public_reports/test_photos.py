"""Photos of informants: sent with number and code, bounded, and seen by operators."""

from dataclasses import replace

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
    number, code = slip(await sent(public, wall))
    keys = {"X-Report-Number": number, "X-Report-Code": code}
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


async def test_photos_are_bounded_by_address_by_day_and_in_time(timed: ApiParts, wall: Wall) -> None:
    options = ApiOptions(version="1", reports=replace(ON, per_address=1, max_per_day=4))
    async with client_of(timed, options) as client:
        number, code = slip(await sent(client, wall))
        keys = {"X-Report-Number": number, "X-Report-Code": code}
        content = b"\xff\xd8\xff not a picture"
        found = [(await client.post("/report/photo", content=content, headers=keys)).status_code for _ in range(4)]
        assert found == [422, 422, 422, 429]
        wall.now += 3_600_000
        found = [(await client.post("/report/photo", content=content, headers=keys)).status_code for _ in range(2)]
        assert found == [422, 429], "four photos in a day from all"
        wall.now += 86_400_000
        late = await client.post("/report/photo", content=photo(exif=False), headers=keys)
        assert late.status_code == 422
        assert "within a day" in late.text
