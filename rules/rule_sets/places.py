"""Whether a rule set names places that a city has."""

from collections.abc import Iterator

from devices.city.model import City
from rules.alerts.model import Text
from rules.rule_sets import wording
from rules.rule_sets.model import RuleSet


def unknown_places(rule_set: RuleSet, city: City) -> Iterator[Text]:
    """A line for each district and fleet that no device and no site of the city has: the exception holds nowhere."""
    districts = {
        *(area.id for area in city.districts),
        *(device.district for device in city.devices.values() if device.district),
        *(site.district for site in city.sites.values() if site.district),
    }
    fleets = {*(area.id for area in city.fleets), *(device.fleet for device in city.devices.values() if device.fleet)}
    for exception in rule_set.exceptions:
        for place, known in (("district", districts), ("fleet", fleets)):
            for value in getattr(exception.where, place):
                if value not in known:
                    yield wording.unknown_place(place, value, city.id, sorted(known))
