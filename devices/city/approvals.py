"""Which vehicle may take which route, and when: derived once for each City from its routes, permits and vehicles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devices.city.haulage import Permit, Vehicle
from devices.city.sites import ALWAYS, Route, Validity


@dataclass(frozen=True, slots=True)
class Approval:
    """One version of a route that a vehicle may take."""

    route: Route
    permitted: tuple[Validity, ...]
    """Validity intervals of the permits that name the route; at any time where it stands for the kind of vehicle."""


Approvals = tuple[Approval, ...]
"""The approvals of one vehicle, in the order of the city's routes. Vehicles with equal approvals share one tuple."""


def approvals_by_vehicle(
    routes: Sequence[Route], permits: Sequence[Permit], vehicles: Mapping[str, Sequence[Vehicle]]
) -> dict[str, Approvals]:
    """Approvals by vehicle id. `vehicles`: the versions of each, by id."""
    intervals_by_route: dict[str, dict[str, dict[Validity, None]]] = {}  # route id → vehicle id → intervals
    for permit in permits:
        for route_id in permit.route_ids:
            of_route = intervals_by_route.setdefault(route_id, {})
            of_route.setdefault(permit.vehicle_id, {})[permit.validity] = None
    by_vehicle: dict[str, Approvals] = {}
    shared: dict[tuple[int, ...], Approvals] = {}
    for route in routes:
        approval_by_intervals: dict[tuple[Validity, ...], Approval] = {}
        of_route = intervals_by_route.get(route.id, {})
        if route.standing_for:
            of_route = _with_those_it_stands_for(of_route, route, vehicles)
        for vehicle_id, intervals in of_route.items():
            permitted = tuple(intervals)
            approval = approval_by_intervals.setdefault(permitted, Approval(route, permitted))
            approvals = (*by_vehicle.get(vehicle_id, ()), approval)
            by_vehicle[vehicle_id] = shared.setdefault(tuple(map(id, approvals)), approvals)  # equality is slow
    return by_vehicle


def _with_those_it_stands_for(
    of_route: dict[str, dict[Validity, None]], route: Route, vehicles: Mapping[str, Sequence[Vehicle]]
) -> dict[str, dict[Validity, None]]:
    """The intervals by vehicle, with those of the vehicles for whose kind the route stands."""
    found = dict(of_route)
    for vehicle_id, versions in vehicles.items():
        of_kind = [version for version in versions if version.kind in route.standing_for]
        if of_kind:
            always = len(versions) == 1
            intervals = [ALWAYS] if always else [version.validity for version in of_kind]
            found[vehicle_id] = {**found.get(vehicle_id, {}), **dict.fromkeys(intervals)}
    return found
