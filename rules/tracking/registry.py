"""The trackers there are. The engine follows each device with those of its role; a new tracker has its line here."""

from typing import Any, Final

from rules.tracking.emptyings import BinTracker
from rules.tracking.manifests import ManifestTracker
from rules.tracking.track import TruckTracker
from rules.tracking.tracker import Tracker

TRACKERS: Final[tuple[Tracker[Any, Any], ...]] = (TruckTracker(), BinTracker(), ManifestTracker())
