"""The check of /readyz about gateways: whether each runs, and what it says of itself."""

from collections.abc import Mapping
from typing import Final

from api.ports import ReadinessResult, ReadinessState
from haulwatch.health.path_status import PathStatus

_NO_BOOK: Final = "no_book"
_TROUBLES: Final[Mapping[str, str]] = {
    "port_closed": "its port is closed, no truck is weighed",
    "port_silent": "nothing comes from its port, no truck is weighed",
    "wrong_profile": "what comes is not of its profile, no truck is weighed",
    "not_on_disk": "the disk takes no tickets, weighings are in memory only",
    "tickets_lost": "weighings were lost, which the disk did not take",
    _NO_BOOK: "the disk does not let it open its tickets, no truck is weighed",
    "finer_than_a_truck_scale": "unit or decimals may be wrong, it shows fractions of a kilogram",
    "over_capacity": "unit or decimals may be wrong, it shows more than its capacity",
    "too_heavy": "unit or decimals may be wrong, trucks weigh more than 100 t",
    "all_light": "unit or decimals may be wrong, no truck weighs 5 t",
}
"""By `GatewayFigures.troubles`. An unknown one, of a newer gateway, is shown as it is."""


def gateways_ready(path: PathStatus) -> ReadinessResult:
    """Degraded while a gateway does not run, is cut off, or names a trouble.

    Nothing is unsafe that a device has an answer for. An indicator has no memory: what it shows meanwhile is not seen.
    """
    found = path.gateways()
    troubles = [f"{name} does not run" for name, figures in found.items() if figures is None]
    running = {name: figures for name, figures in found.items() if figures is not None}
    for name, figures in running.items():
        if not figures.broker_connected and _NO_BOOK not in figures.troubles:
            troubles.append(f"{name} is not connected to the broker, its devices keep their data")
        troubles += [f"{name}: {_TROUBLES.get(one, one)}" for one in figures.troubles]
    if troubles:
        return ReadinessResult(ReadinessState.DEGRADED, f"{'; '.join(troubles)}: see its log")
    named = ", ".join(f"{name}: {figures.devices:,} devices" for name, figures in running.items())
    return ReadinessResult(ReadinessState.OK, named or "none runs here")
