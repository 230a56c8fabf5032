"""Route deviation 偏离线路. Positions of a truck and its approved routes enter; verdicts about excursions leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.route_deviation.judgement import RouteDeviation
from rules.detectors.route_deviation.parameters import RouteDeviationParameters

RULE = RuleEntry(
    RouteDeviation.name,
    title=Text(en="Route deviation", zh="偏离线路"),
    colour="#0072B2",  # blue
    parameters=RouteDeviationParameters,
    judgement=RouteDeviation,
    corridor_m=lambda parameters: parameters.enter_m,
)
