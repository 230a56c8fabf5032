"""Suspected site 疑似非法场地. Stops of loaded trucks enter; places where several of them stopped leave.

Listed in `rules.catalogue`; the engine asks it.
"""

from rules.alerts.model import Text
from rules.detectors.entry import RuleEntry
from rules.detectors.suspected_site.judgement import SuspectedSite
from rules.detectors.suspected_site.parameters import SuspectedSiteParameters

RULE = RuleEntry(
    SuspectedSite.name,
    title=Text(en="Suspected site", zh="疑似非法场地"),
    colour="#1E3CFF",  # ultramarine
    parameters=SuspectedSiteParameters,
    judgement=SuspectedSite,
)
