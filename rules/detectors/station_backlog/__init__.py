"""Station backlog 积压. Throughput of a sorting or transfer line enters; verdicts about full hoppers and queues leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.station_backlog.judgement import StationBacklog
from rules.detectors.station_backlog.parameters import StationBacklogParameters

RULE = RuleEntry(
    StationBacklog.name,
    title=Text(en="Station backlog", zh="积压"),
    colour="#FFC3E1",  # pale pink
    parameters=StationBacklogParameters,
    judgement=StationBacklog,
)
