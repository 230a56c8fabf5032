"""What is known of a truck, worked out once per reading and shared by all rules: place, motion, switches, load."""

from rules.tracking.load import LoadSource, LoadState
from rules.tracking.motion import Fix
from rules.tracking.quality import Quality
from rules.tracking.switches import Switch
from rules.tracking.track import Track, follow

__all__ = ["Fix", "LoadSource", "LoadState", "Quality", "Switch", "Track", "follow"]
