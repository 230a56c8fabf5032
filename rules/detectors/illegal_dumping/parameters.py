"""Thresholds and weights of rule `illegal_dumping`."""

from rules.contract.rule import Parameters


class IllegalDumpingParameters(Parameters):
    """Scores are log-odds in natural units: +0.7 doubles the odds of a dump, +2.3 multiplies them by ten.

    No standard sets these defaults: weights are judgements of how well a sensor tells a dump from an honest stop, and
    each threshold has its reason.
    """

    start_score: float = -4.0
    """Before any evidence: of some 55 stops outside a site one is a dump."""
    suspected_score: float = 0.0
    """Even odds: worth a look."""
    unsensed_score: float = -1.5
    """In place of `suspected_score` for a truck with neither lift nor load sensor, which comes near even odds only
    where several weak signs meet. A stop, and one thing that an honest haul does not show (it drove back with its load,
    its manifest ended there, it is a known dump) are worth a look, and no more."""
    confirmed_score: float = 1.5
    """Odds of 4.5 to 1, and `families` sensors that agree: worth sending somebody."""
    families: int = 2
    """Independent sensor families that must speak for a confirmed dump: one sensor alone may be broken."""
    lift_standing_score: float = 3.0
    """The bed is up while the truck stands: what tipping needs, but cleaning a bed does it too."""
    lift_standing_s: float = 8.0
    """Shorter, and nothing can slide out: a bed takes longer to rise."""
    weight_drop_score: float = 3.5
    """The load is gone: the strongest sign."""
    weight_drop_kg: float = 3_000.0
    """A smaller drop may be the scale's; the larger of this and `weight_drop_pct` counts."""
    weight_drop_pct: float = 25.0
    """Percent of the weight before the stop."""
    weight_drop_within_s: int = 600
    """Seconds. A weight measured longer before or after the stop proves nothing about it."""
    loaded_to_empty_score: float = 2.5
    """Less than a weight: terminals work their load state out by rules of their own."""
    stay_score: float = 0.7
    """Weak: red lights and breaks are stays too."""
    stay_s: int = 60
    """Shorter stays are red lights."""
    long_stay_score: float = 1.2
    """In place of `stay_score`, beyond `long_stay_s`."""
    long_stay_s: int = 180
    """Longer than a dump takes from opening the cover to driving off."""
    cover_opened_score: float = 1.0
    """A cover is opened for tipping, but also for a look at the load."""
    off_corridor_score: float = 1.0
    """Who dumps leaves the approved route first."""
    off_corridor_m: float = 60.0
    """Metres, as `route_deviation` begins a deviation. A route's own `corridor_m` goes before it."""
    known_hotspot_score: float = 1.0
    """A person accepted the place as an unlicensed dump: loads go there, but trucks also pass by."""
    creeping_score: float = 0.5
    """Trucks creep forward with the bed up, so that the load spreads."""
    creeping_min_m: float = 5.0
    """Less is the receiver's noise."""
    creeping_max_m: float = 40.0
    """More is a drive with a bed that was left up."""
    data_gap_score: float = 1.0
    """Somebody may have switched the terminal off."""
    data_gap_s: int = 120
    """Beyond what a street of high houses swallows."""
    turned_back_score: float = 2.5
    """Of a truck with neither lift nor load sensor: it came loaded, and after the stop it drives back to where it was
    loaded. Honest loads go on to the site; a few drivers turn for what they forgot."""
    turned_back_m: float = 400.0
    """Metres back along its approved route: more than turning in a yard, or the error of two fixes."""
    manifest_ended_score: float = 2.0
    """Likewise: its manifest, which it had reported all the way, ended outside every permitted site. Now and then
    somebody closes one too early."""
    manifest_fixes: int = 3
    """Positions in a row with a manifest before the stop: fewer, and the terminal may name it only now and then."""
    no_manifest_fixes: int = 2
    """Positions in a row without it since: one field may be lost."""
    lift_short_score: float = -2.0
    """The bed twitched: a test, or a bouncing switch."""
    lift_short_s: float = 5.0
    """Shorter than any bed takes to rise."""
    weight_unchanged_score: float = -3.0
    """The load is still on the truck."""
    weight_unchanged_kg: float = 1_000.0
    """The larger of this and `weight_unchanged_pct` counts as unchanged."""
    weight_unchanged_pct: float = 10.0
    """Percent of the weight before the stop. An on-board scale wanders by less than this after the bed came down."""
    settle_s: int = 30
    """After the bed came down, for scale and load to come to rest."""
    already_empty_score: float = -4.0
    """There was nothing to dump."""
    depot_or_wash_score: float = -3.0
    """Beds are raised there for repair and washing."""
    fence_m: float = 20.0
    """Beyond a fence by this much and the fix's accuracy (at most 30 m) is outside: a tip 60 m off is seen."""
    away_m: float = 100.0
    """The truck has left its stop: beyond the receiver's noise and a creep with the bed up."""
    linger_s: int = 600
    """Seconds after a stop in which its weight may still be found missing."""
    ticket_within_s: int = 7_200
    """A haul across the city takes less; a later ticket may be of another load."""
    ticket_load_pct: float = 80.0
    """Percent of the load before the stop. A disposal site's ticket with as much shows that nothing was tipped."""
    ticket_min_kg: float = 4_000.0
    """As much where the load before the stop is not known."""
