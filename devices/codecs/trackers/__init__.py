"""The dialects of phones and trackers: OwnTracks over MQTT, OsmAnd and what Traccar forwards through a gateway.

Each module has one codec: `OWNTRACKS`, `OSMAND`, `TRACCAR`. `values` holds what they share: times, numbers, and the
readings of one report.
"""

from devices.codecs.trackers.osmand import OSMAND
from devices.codecs.trackers.owntracks import OWNTRACKS
from devices.codecs.trackers.traccar import TRACCAR

__all__ = ["OSMAND", "OWNTRACKS", "TRACCAR"]
