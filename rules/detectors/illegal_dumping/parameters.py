"""Thresholds and weights of rule `illegal_dumping`."""

from rules.contract.rule import Parameters


class IllegalDumpingParameters(Parameters):
    """Scores are log-odds in natural units: +0.7 doubles the odds of a dump, +2.3 multiplies them by ten.

    No standard sets these defaults: weights are judgements of how well a sensor tells a dump from an honest stop, and
    each threshold has its reason.
    """

    start_score: float = -4.0
    """Before any evidence: of some 55 stops outside a site one is a dump.

    无任何证据时：场所外约55次停车中有一次是倾倒。"""
    suspected_score: float = 0.0
    """Even odds: worth a look.

    可能性各半：值得查看。"""
    unsensed_score: float = -1.5
    """In place of `suspected_score` for a truck with neither lift nor load sensor, which comes near even odds only
    where several weak signs meet. A stop, and one thing that an honest haul does not show (it drove back with its load,
    its manifest ended there, it is a known dump) are worth a look, and no more.

    既无举升又无载重传感器的车辆以此代替 `suspected_score`，只有几个弱迹象同时出现才接近各半。一次停车再加一件正常运
    输不会有的事（载着货折返、联单在此中止、此处是已认定黑点），值得查看，但仅此而已。"""
    confirmed_score: float = 1.5
    """Odds of 4.5 to 1, and `families` sensors that agree: worth sending somebody.

    可能性为4.5比1，且有 `families` 类传感器一致：值得派人。"""
    families: int = 2
    """Independent sensor families that must speak for a confirmed dump: one sensor alone may be broken.

    确认倾倒所需的独立传感器类数：单个传感器可能损坏。"""
    lift_standing_score: float = 3.0
    """The bed is up while the truck stands: what tipping needs, but cleaning a bed does it too.

    停车时车厢举升：倾倒必须如此，但清洗车厢也会。"""
    lift_standing_s: float = 8.0
    """Shorter, and nothing can slide out: a bed takes longer to rise.

    更短则货物来不及滑出：车厢升起需要更久。"""
    weight_drop_score: float = 3.5
    """The load is gone: the strongest sign.

    货物没了：最强的迹象。"""
    weight_drop_kg: float = 3_000.0
    """A smaller drop may be the scale's; the larger of this and `weight_drop_pct` counts.

    更小的下降可能是秤的误差；取此值与 `weight_drop_pct` 中较大者。"""
    weight_drop_pct: float = 25.0
    """Percent of the weight before the stop.

    占停车前重量的百分比。"""
    weight_drop_within_s: int = 600
    """Seconds. A weight measured longer before or after the stop proves nothing about it.

    停车前后超过这么久测得的重量，不能说明这次停车的情况。"""
    loaded_to_empty_score: float = 2.5
    """Less than a weight: terminals work their load state out by rules of their own.

    低于重量证据：终端按各自的规则推算载重状态。"""
    stay_score: float = 0.7
    """Weak: red lights and breaks are stays too.

    弱迹象：红灯和休息也是停留。"""
    stay_s: int = 60
    """Shorter stays are red lights.

    更短的停留是红灯。"""
    long_stay_score: float = 1.2
    """In place of `stay_score`, beyond `long_stay_s`.

    停留超过 `long_stay_s` 时代替 `stay_score`。"""
    long_stay_s: int = 180
    """Longer than a dump takes from opening the cover to driving off.

    比一次倾倒从开盖到驶离所需的时间更长。"""
    cover_opened_score: float = 1.0
    """A cover is opened for tipping, but also for a look at the load.

    打开篷布可能是倾倒，也可能是查看货物。"""
    off_corridor_score: float = 1.0
    """Who dumps leaves the approved route first.

    偷倒的车辆先离开核准线路。"""
    off_corridor_m: float = 60.0
    """Metres, as `route_deviation` begins a deviation. A route's own `corridor_m` goes before it.

    与 `route_deviation` 开始判偏离的距离一致。线路自己的 `corridor_m` 优先。"""
    known_hotspot_score: float = 1.0
    """A person accepted the place as an unlicensed dump: loads go there, but trucks also pass by.

    已有人认定此处为黑消纳场：货物会运到这里，但也有车辆路过。"""
    creeping_score: float = 0.5
    """Trucks creep forward with the bed up, so that the load spreads.

    车辆举升着缓慢前行，以便摊开货物。"""
    creeping_min_m: float = 5.0
    """Less is the receiver's noise.

    更短是接收机噪声。"""
    creeping_max_m: float = 40.0
    """More is a drive with a bed that was left up.

    更远则是忘记落下车厢的行驶。"""
    data_gap_score: float = 1.0
    """Somebody may have switched the terminal off.

    可能有人关掉了终端。"""
    data_gap_s: int = 120
    """Beyond what a street of high houses swallows.

    比高楼街道造成的信号丢失更久。"""
    turned_back_score: float = 2.5
    """Of a truck with neither lift nor load sensor: it came loaded, and after the stop it drives back to where it was
    loaded. Honest loads go on to the site; a few drivers turn for what they forgot.

    用于既无举升又无载重传感器的车辆：重车来到，停车后驶回装货处。正常货物会继续运往场所；少数驾驶员因忘带东西而折
    返。"""
    turned_back_m: float = 400.0
    """Metres back along its approved route: more than turning in a yard, or the error of two fixes.

    沿核准线路折返的距离：大于在场院内掉头，也大于两次定位的误差。"""
    manifest_ended_score: float = 2.0
    """Likewise: its manifest, which it had reported all the way, ended outside every permitted site. Now and then
    somebody closes one too early.

    同样用于此类车辆：一路上报的联单在核准场所之外中止。偶尔有人过早关闭联单。"""
    manifest_overdue_score: float = 2.0
    """The manifest of its load is overdue: the load should be at the disposal site by now. Not where a sensor shows
    that the load is still on the truck.

    所载货物的联单已超时：货物此时本应到达处置场地。传感器显示货物仍在车上时不计。"""
    manifest_short_score: float = 2.0
    """Of this load, `manifest_short_pct` less arrived than was sent. It is known when the rest is weighed, and then
    counts for the stops before.

    该批货物到场重量比发出时少 `manifest_short_pct` 以上。余货过磅时才知道，届时计入此前的停车。"""
    manifest_short_pct: float = 10.0
    """More than water, two scales and what sticks to the bed explain together.

    大于失水、两台衡器误差和车厢粘附三者之和。"""
    manifest_fixes: int = 3
    """Positions in a row with a manifest before the stop: fewer, and the terminal may name it only now and then.

    停车前连续带联单的定位次数：更少则终端可能只是偶尔上报联单。"""
    no_manifest_fixes: int = 2
    """Positions in a row without it since: one field may be lost.

    此后连续不带联单的定位次数：单个字段可能丢失。"""
    lift_short_score: float = -2.0
    """The bed twitched: a test, or a bouncing switch.

    车厢只动了一下：试举，或开关抖动。"""
    lift_short_s: float = 5.0
    """Shorter than any bed takes to rise.

    比任何车厢升起所需时间都短。"""
    weight_unchanged_score: float = -3.0
    """The load is still on the truck.

    货物仍在车上。"""
    weight_unchanged_kg: float = 1_000.0
    """The larger of this and `weight_unchanged_pct` counts as unchanged.

    取此值与 `weight_unchanged_pct` 中较大者，在其以内视为未变。"""
    weight_unchanged_pct: float = 10.0
    """Percent of the weight before the stop. An on-board scale wanders by less than this after the bed came down.

    占停车前重量的百分比。车厢落下后车载秤的漂移小于此值。"""
    settle_s: int = 30
    """After the bed came down, for scale and load to come to rest.

    车厢落下后，秤和货物静止所需的时间。"""
    already_empty_score: float = -4.0
    """There was nothing to dump.

    没有货物可倒。"""
    depot_or_wash_score: float = -3.0
    """Beds are raised there for repair and washing.

    在停车场和洗车点，车厢因维修和清洗而举升。"""
    fence_m: float = 20.0
    """Beyond a fence by this much and the fix's accuracy (at most 30 m) is outside: a tip 60 m off is seen.

    超出围栏这么远再加定位精度（最多30 m）即为场所外：相距60 m的倾倒也能发现。"""
    away_m: float = 100.0
    """The truck has left its stop: beyond the receiver's noise and a creep with the bed up.

    车辆已离开停车处：大于接收机噪声和举升蠕行的距离。"""
    linger_s: int = 600
    """Seconds after a stop in which its weight may still be found missing.

    停车后这么久以内，仍可能发现重量减少。"""
    ticket_within_s: int = 7_200
    """A haul across the city takes less; a later ticket may be of another load.

    穿城运输一趟不需要这么久；更晚的磅单可能属于另一趟。"""
    ticket_load_pct: float = 80.0
    """Percent of the load before the stop. A disposal site's ticket with as much shows that nothing was tipped.

    占停车前载重的百分比。消纳场磅单达到该比例，说明没有倾倒。"""
    ticket_min_kg: float = 4_000.0
    """As much where the load before the stop is not known.

    停车前载重未知时，以此净重为准。"""
