"""The entry under which a rule is listed: the only thing that other packages learn of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rules.alerts.model import Text
from rules.contract.rule import Parameters, Rule
from rules.manifests.document import LoadBudget

P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True)
class RuleEntry(Generic[P]):
    """One rule, made in the `__init__` of its package and listed in `rules.catalogue`."""

    name: str
    """As in alerts, MQTT topics, metrics and the rules file; never changed once alerts carry it."""
    title: Text
    """Short name for people: boards show it."""
    colour: str
    """`#RRGGBB` on boards; no two rules share one. Okabe and Ito's colours (2008), which people with colour-blindness
    tell apart; rules of one family take shades of one of them."""
    parameters: type[P]
    judgement: Callable[[P], Rule[Any]]
    """Makes the rule; its class."""
    corridor_m: Callable[[P], float] | None = None
    """For the rule that judges distance from approved routes: half the width, in metres, of the corridor on maps."""
    silent_after_s: Callable[[P, int], int] | None = None
    """For the rule that judges silence: seconds without a reading after which a device counts as silent, by the
    interval in seconds at which it reports."""
    overdue_at: Callable[[P, int, int], int] | None = None
    """For the rule that judges the time of manifests: when one is overdue that is to depart and to arrive then, ms."""
    load_budget: Callable[[P, str], LoadBudget] | None = None
    """For the rule that compares weights: by what those of an honest load of a stream differ, beside scales."""

    @property
    def is_untimed(self) -> bool:
        """True if it also judges silence or clocks: its parameters cannot change in the course of a day."""
        rule = self.judgement(self.parameters())
        return rule.judges_silence or rule.judges_clocks

    def meaning(self, parameter: str) -> Text:
        """What a parameter is for, and the reason of its default."""
        english, _, chinese = (self.parameters.model_fields[parameter].description or "").partition("\n\n")
        return Text(en=" ".join(english.split()), zh="".join(line.strip() for line in chinese.splitlines()))
