"""State derived from readings, once for all rules: readings go in, facts (motion, switches, load, emptyings) come out.

`rules.engine.device_judge` calls the trackers; rules read the facts on their `Observation`.
"""

from rules.tracking.datum import DatumTrack
from rules.tracking.emptyings import Emptying
from rules.tracking.load import LoadSource, LoadState
from rules.tracking.motion import Fix
from rules.tracking.quality import Quality
from rules.tracking.switches import Switch
from rules.tracking.track import Track, follow

__all__ = ["DatumTrack", "Emptying", "Fix", "LoadSource", "LoadState", "Quality", "Switch", "Track", "follow"]
