"""A layer that is made once for many desks reaches those only who may see the same."""

from api.ports import ApiOptions, ApiParts
from devices.people.model import Role, Visibility
from tests.api.conftest import client_of
from tests.api.fakes import FakeHistory
from tests.api.persons import add_person, signed_in


async def test_who_shares_the_layer_of_trucks_may_see_the_same(parts: ApiParts, history: FakeHistory) -> None:
    history.add("position", "truck-1", 0, lat=35.5, lon=112.8)
    add_person(parts, "all", Role.VIEWER)
    add_person(parts, "north", Role.VIEWER, Visibility(hauliers=frozenset({"north"})))
    add_person(parts, "elsewhere", Role.VIEWER, Visibility(hauliers=frozenset({"another"})))
    async with client_of(parts, ApiOptions(version="1", share_layers_s=3_600)) as client:
        for name, seen in (("all", 1), ("elsewhere", 0), ("north", 1), ("elsewhere", 0), ("all", 1)):
            headers = await signed_in(client, name)
            answer = await client.get("/api/v1/trucks", headers=headers)
            assert len(answer.json()["features"]) == seen, name
