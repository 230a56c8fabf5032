"""Which waste goes from where to where: source, allocation, sorting, recycling and disposal of construction waste,
rounds of kitchen waste, and sludge.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from devices.city.haulage import VehicleKind


class Subsystem(StrEnum):
    """Part of the city's waste system that a way belongs to; transport is what all of them have in common."""

    SOURCE_TO_DISPOSAL = "source to disposal"
    SOURCE_TO_ALLOCATION = "source to allocation"
    ALLOCATION_TO_DISPOSAL = "allocation to disposal"
    SOURCE_TO_SORTING = "source to sorting"
    SORTING_TO_RECYCLING = "sorting to recycling"
    SORTING_TO_DISPOSAL = "sorting to disposal"
    KITCHEN = "kitchen waste"
    SLUDGE = "sludge"


@dataclass(frozen=True, slots=True)
class Leg:
    """Work of some trucks all night."""

    id: str
    subsystem: Subsystem
    stream: str
    """As `devices.readings.streams` has it."""
    material: str
    """As tickets name it."""
    source: str
    destination: str
    other: str
    """Takes the load where the destination rejects it."""
    stops: tuple[str, ...] = ()
    """Sites at which a round collects more, on its way."""
    kind: VehicleKind = VehicleKind.CONSTRUCTION_WASTE


YARD: Final = "yard-urban"
KITCHEN_PLANT: Final = "kitchen-plant"
SEWAGE_WORKS: Final = "sewage-works"

_DISPOSAL, _SORTING = Subsystem.SOURCE_TO_DISPOSAL, Subsystem.SOURCE_TO_SORTING
LEGS: Final = (
    Leg("nw", _DISPOSAL, "spoil", "工程渣土", "works-01", "spoil-nw-1", "spoil-nw-3"),
    Leg("allocate", Subsystem.SOURCE_TO_ALLOCATION, "spoil", "工程渣土", "works-03", YARD, "spoil-w-1"),
    Leg("sort-w", _SORTING, "demolition", "拆除垃圾", "works-09", "sorting-xishangzhuang", "sorting-dongshangzhuang"),
    Leg(
        "recycle", Subsystem.SORTING_TO_RECYCLING, "demolition", "demolition", "sorting-dongshangzhuang",
        "plant-wangjiang", "mobile-urban",
    ),
    Leg(
        "kitchen", Subsystem.KITCHEN, "kitchen", "厨余垃圾", "recycling-001", KITCHEN_PLANT, "incineration-zezhou",
        ("recycling-002", "recycling-003"), VehicleKind.KITCHEN_WASTE,
    ),
    Leg(
        "sludge", Subsystem.SLUDGE, "sludge", "污泥", SEWAGE_WORKS, "incineration-zezhou", "landfill-urban", (),
        VehicleKind.SLUDGE_TANKER,
    ),
    Leg("ne-3", _DISPOSAL, "spoil", "spoil", "works-08", "spoil-ne-3", "spoil-ne-1"),
    Leg("sw", _DISPOSAL, "spoil", "工程渣土", "works-04", "spoil-s-4", "spoil-s-3"),
    Leg("allocated", Subsystem.ALLOCATION_TO_DISPOSAL, "spoil", "工程渣土", YARD, "spoil-w-1", "spoil-s-4"),
    Leg(
        "residue", Subsystem.SORTING_TO_DISPOSAL, "site_waste", "工程垃圾", "sorting-xishangzhuang", "landfill-urban",
        "spoil-nw-1",
    ),
    Leg("nw-3", _DISPOSAL, "spoil", "spoil", "works-02", "spoil-nw-3", "spoil-nw-1"),
    Leg("s-3", _DISPOSAL, "spoil", "spoil", "works-05", "spoil-s-3", "spoil-s-4"),
    Leg("ne", _DISPOSAL, "spoil", "工程渣土", "works-07", "spoil-ne-1", "spoil-ne-3"),
    Leg("sort-e", _SORTING, "demolition", "拆除垃圾", "works-10", "sorting-dongshangzhuang", "sorting-xishangzhuang"),
)  # fmt: skip
"""Places are those of the demonstration city, and three more."""
WEIGHED_AT_SOURCE: Final = frozenset(
    {"works-01", "works-04", "works-07", "works-09", YARD, "sorting-dongshangzhuang", "sorting-xishangzhuang",
     SEWAGE_WORKS}
)  # fmt: skip
"""Sources with a weighbridge; every destination has one."""
