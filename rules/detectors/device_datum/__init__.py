"""Device datum 坐标系不符. Positions of trucks enter; one verdict about a terminal that sends another datum leaves.

Listed in `rules.catalogue`; the engine asks it. `rules.tracking.datum` finds the datum and withholds the positions.
"""

from rules.alerts.model import Text
from rules.detectors.device_datum.judgement import DeviceDatum
from rules.detectors.device_datum.parameters import DeviceDatumParameters
from rules.detectors.entry import RuleEntry

RULE = RuleEntry(
    DeviceDatum.name,
    title=Text(en="Wrong datum", zh="坐标系不符"),
    colour="#882255",  # wine: the fault is the device's
    parameters=DeviceDatumParameters,
    judgement=DeviceDatum,
)
