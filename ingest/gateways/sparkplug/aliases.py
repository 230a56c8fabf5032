"""Metrics of one edge node by alias and name, as its births declare them. An alias is unique over all its devices."""

from dataclasses import replace
from enum import Enum
from typing import Final

from devices.codecs.sparkplug.datatypes import typed
from devices.codecs.sparkplug.payload import Metric

MAX_METRICS: Final = 20_000
"""Of one edge node with its devices."""
MAX_NAME_CHARS: Final = 512
"""A metric with a longer name is passed over."""


class Unresolved(Enum):
    """Why a metric of a message has no name."""

    UNKNOWN = "unknown"
    """No birth of the session names it: one was missed."""
    AMBIGUOUS = "ambiguous"
    """Two metrics were born with its alias."""


class TooManyMetrics(Exception):
    """A birth declares more than is kept of one edge node."""


class Aliases:
    """What the births of the present session declared."""

    def __init__(self) -> None:
        self._declared: dict[str, dict[str, int | None]] = {}
        """Data type by device and name; "" is the edge node itself."""
        self._by_alias: dict[int, tuple[str, str] | None] = {}
        """Device and name; None: two metrics claim it, so it stands for neither."""

    def declare(self, device: str, metrics: tuple[Metric, ...]) -> None:
        """Take the birth of a device, in place of its former one. Raises TooManyMetrics, and then keeps none of it."""
        self.forget(device)
        others = sum(map(len, self._declared.values()))
        if others + len(metrics) > MAX_METRICS:
            raise TooManyMetrics(f"{others + len(metrics)} metrics, at most {MAX_METRICS} are kept")
        self._declared[device] = {metric.name: metric.datatype for metric in metrics if metric.name}
        for metric in metrics:
            if metric.alias is None or not metric.name:
                continue
            owner = (device, metric.name)
            taken = metric.alias in self._by_alias and self._by_alias[metric.alias] != owner
            self._by_alias[metric.alias] = None if taken else owner

    def forget(self, device: str) -> None:
        """The device is off line: its aliases mean nothing until its next birth."""
        self._declared.pop(device, None)
        self._by_alias = {
            alias: owner for alias, owner in self._by_alias.items() if owner is None or owner[0] != device
        }

    def resolve(self, device: str, metric: Metric) -> Metric | Unresolved:
        """The metric with its name and type, as the births of the session say.

        One that no birth names is taken if it has a name and a type itself.
        """
        declared = self._declared.get(device, {})
        name = metric.name
        if not name:
            alias = -1 if metric.alias is None else metric.alias
            owner = self._by_alias.get(alias, (device, ""))
            if owner is None:
                return Unresolved.AMBIGUOUS
            if owner[0] != device or not owner[1]:
                return Unresolved.UNKNOWN
            name = owner[1]
        if name not in declared:
            return Unresolved.UNKNOWN if metric.datatype is None or len(name) > MAX_NAME_CHARS else metric
        if metric.datatype is not None:
            return replace(metric, name=name, alias=None)
        datatype = declared[name]
        return replace(metric, name=name, alias=None, datatype=datatype, value=typed(datatype, metric.value))
