"""Thresholds of rule `speeding`."""

from rules.contract.rule import Parameters


class SpeedingParameters(Parameters):
    """A route of the city may name its own limit (`limit_kmh` in routes.geojson)."""

    limit_kmh: float = 100.0
    """Where no approved route with a limit is: no lorry may drive faster on any road (article 78 of the Regulations for
    the Implementation of the Road Traffic Safety Law). A city whose trucks keep to its streets sets a lower one.

    附近没有带限速的核准线路时采用：载货汽车在任何道路上都不得更快（《道路交通安全法实施条例》第七十八条）。车辆只在
    城区行驶的城市应设更低的值。"""
    over_pct: float = 10.0
    """Above the limit by more than so many percent: below, it is a warning at most, and meters and receivers
    err.

    超过限速的百分比须大于此值：以下最多警告，且车速表和接收机有误差。"""
    over_kmh: float = 5.0
    """And by more than so many km/h: 10 % of a low limit is within the error of a receiver.

    且超过的km/h须大于此值：低限速的10 %在接收机误差之内。"""
    hold_s: int = 10
    """For so long: shorter is a hill or an overtaking.

    须持续这么久：更短是下坡或超车。"""
    readings: int = 2
    """In so many positions at least: one speed alone may be the receiver's.

    至少有这么多次定位：单个车速可能是接收机误差。"""
    below_s: int = 10
    """Below the limit for so long ends it.

    低于限速这么久，事件结束。"""
    corridor_m: float = 60.0
    """Metres from a route, less the accuracy of the fix (at most 30 m), within which its limit holds. A route's
    own `corridor_m` goes before it.

    距线路的距离减去定位精度（最多30 m）在此范围内，该线路的限速适用。线路自己的 `corridor_m` 优先。"""
    borne_out_pct: float = 50.0
    """The way between the positions must give at least so much of the limit: else the speed is in another unit, or the
    meter is broken. Bends and seldom reports make the way shorter than it was.

    由各次定位算出的车速须至少达到限速的这个比例：否则车速单位有误或车速表损坏。弯道和稀疏上报会使距离偏短。"""
    grave_pct: float = 20.0
    """Above the limit by so much is P2 instead of P3,

    超过限速这么多为P2，不再是P3。"""
    gravest_pct: float = 50.0
    """and by so much P1: the bands in which speeding is fined.

    超过这么多为P1：与超速处罚的档次一致。"""
