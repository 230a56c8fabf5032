"""GNSS anomaly 定位异常. Positions of a truck enter; verdicts about places that cannot be true leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.gnss_anomaly.judgement import GnssAnomaly
from rules.detectors.gnss_anomaly.parameters import GnssAnomalyParameters

RULE = RuleEntry(
    GnssAnomaly.name,
    title=Text(en="GNSS anomaly", zh="定位异常"),
    colour="#9080F0",  # periwinkle
    parameters=GnssAnomalyParameters,
    judgement=GnssAnomaly,
)
