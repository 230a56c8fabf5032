"""State derived from readings, once for all rules: a reading goes in, facts (place, motion, switches, load) come out.

`rules.engine.device_judge` calls the trackers; rules read the facts on their `Observation`.
"""

from rules.tracking.datum import DatumTrack
from rules.tracking.load import LoadSource, LoadState
from rules.tracking.motion import Fix
from rules.tracking.quality import Quality
from rules.tracking.switches import Switch
from rules.tracking.track import Track, follow

__all__ = ["DatumTrack", "Fix", "LoadSource", "LoadState", "Quality", "Switch", "Track", "follow"]
