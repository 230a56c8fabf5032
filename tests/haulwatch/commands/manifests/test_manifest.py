"""`haulwatch manifest`: manifests at the command line."""

from devices.cities import JINCHENG
from devices.city.files import read_city
from devices.readings.manifests import ManifestDeed
from haulwatch.process.system_clock import now_ms
from haulwatch.wiring.desk.manifests import open_manifests
from haulwatch.wiring.rules import configured_rules
from rules.manifests.document import ManifestDocument, ManifestRequest, Quantity
from tests.haulwatch.commands.desk import Desk


def test_manifests_are_listed_and_shown_with_their_transitions(desk: Desk) -> None:
    now, settings, city = now_ms(), desk.settings(), read_city(JINCHENG)
    rules = configured_rules(settings)
    truck = city.devices["truck-001"]
    [route, *_] = city.routes_of(truck.vehicle_id or "", now)
    document = ManifestDocument(
        vehicle_id=truck.vehicle_id or "",
        source_id=route.origin_site_id or "",
        destination_id=route.destination_site_id or "",
        stream="spoil",
        quantity=Quantity(tonnes=14.48),
        depart_at=now,
        arrive_by=now + 7_200_000,
    )
    with open_manifests(settings, lambda: city, lambda: rules) as store:
        number = store.issue(document, "li.wei", now).manifest.number
        store.act(number, ManifestRequest(ManifestDeed.VOID, "wang", now + 1, 1, reason="重复开具"))
        other = store.issue(document, "li.wei", now + 2).manifest.number
        assert store.check_due(now + 7_200_000 + 3_599_999) == 0  # half of two hours is more than 45 minutes
        assert store.check_due(now + 7_200_000 + 3_600_000) == 2
    assert [one["number"] for one in desk.ask("manifest", "list")] == [other, number]
    assert desk.ask("manifest", "list", "--vehicle", "veh-nobody") == []
    table = desk.run("manifest", "list", "--limit", "1").stdout
    assert "14.48" in table
    assert "more follow" in table
    shown = desk.run("manifest", "show", number).stdout
    assert all(word in shown for word in (number, "void", "wang", "重复开具"))
    assert [one["after"] for one in desk.ask("manifest", "show", number)["transitions"]] == ["draft", "void"]


def test_a_manifest_that_is_not_there_is_named(desk: Desk) -> None:
    assert "no manifest 'M9': `haulwatch manifest list` shows them" in desk.refused("manifest", "show", "M9")
