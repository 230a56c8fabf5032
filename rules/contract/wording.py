"""Wording and evidence shared by all rules: names of devices and places, lengths, times, references to readings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from devices.city.model import City, Device
from devices.geo.geometry import XY
from devices.readings.models import Reading
from rules.alerts.model import ReadingRef, Text
from rules.contract.verdicts import Verdict
from rules.tracking import LoadSource, LoadState

MAX_REFS: Final = 12
"""Most readings that one piece of evidence names."""
_FIRST_REFS: Final = 4
_DAY_MS: Final = 86_400_000
_LANDMARK_WITHIN_M: Final = 20_000.0


def who(device: Device, city: City, ts: int) -> Text:
    """Name a truck by its plate at `ts` (device time, ms), and a device on a site by the site's name."""
    vehicle = city.vehicle_of(device, ts)
    if vehicle is not None:
        return Text(en=f"Truck {vehicle.plate}", zh=f"车辆{vehicle.plate}")
    site = city.site_of(device, ts)
    if site is not None:
        return Text(en=site.name, zh=site.name_zh)
    name = device.name or device.id
    return Text(en=name, zh=name)


def where(xy: XY, city: City, ts: int) -> Text:
    """Name a place by the nearest registered site, or by its coordinates where none is within 20 km."""
    near = city.geometry.sites_near(xy, _LANDMARK_WITHIN_M, ts)
    if not near:
        at = city.plane.latlon(xy)
        return Text(en=f"at {at.lat:.5f}, {at.lon:.5f}", zh=f"位于{at.lat:.5f}, {at.lon:.5f}")
    site, distance_m = near[0]
    if distance_m == 0:
        return Text(en=f"in {site.name}", zh=f"位于{site.name_zh}内")
    return Text(
        en=f"at a point {length(distance_m)} from {site.name}", zh=f"距{site.name_zh}{length(distance_m, zh=True)}"
    )


def withdrawn(title: Text) -> Text:
    """The title of an alert that later data refuted."""
    return Text(en=f"Withdrawn: {title.en}", zh=f"已撤回：{title.zh}")


NOT_EXCUSED: Final = Text(
    en="What other trucks did there does not explain all of it, so it is not withdrawn any more",
    zh="同一地点其他车辆的情况不足以解释该事件，不再撤回",
)
"""The reason to take a retraction back that other devices had led to."""


def merged(title: Text) -> Text:
    """The title of an alert that another one stands for."""
    return Text(en=f"Part of another alert: {title.en}", zh=f"已并入其他告警：{title.zh}")


def load_source(source: LoadSource) -> Text:
    """Name the source by which a truck counts as loaded."""
    en, zh = _LOAD_SOURCES[source]
    return Text(en=en, zh=zh)


_LOAD_SOURCES: Final = {
    LoadSource.TICKET: ("a weighbridge ticket", "磅单"),
    LoadSource.SCALE: ("the on-board weight", "车载称重"),
    LoadSource.TERMINAL: ("the terminal's load state", "终端载重状态"),
    LoadSource.MANIFEST: ("the manifest it carries", "随车联单"),
    LoadSource.SITE: ("its last stay at a site", "最近一次进出场地"),
    LoadSource.NONE: ("nothing", "无"),
}


def load_then(state: LoadState, source: LoadSource) -> Text:
    """The finding of what a truck carried, and by which source."""
    if state not in _LOADS:
        return Text(en="It is not known whether it was loaded", zh="载货状态未知")
    (en, zh), by = _LOADS[state], load_source(source)
    return Text(en=f"It was {en}, according to {by.en}", zh=f"车辆{zh}，依据：{by.zh}")


_LOADS: Final = {
    LoadState.LOADED: ("loaded", "载货"),
    LoadState.PARTIAL: ("partly loaded", "半载"),
    LoadState.EMPTY: ("empty", "空载"),
}


def empty_now(source: LoadSource) -> Text:
    """The finding that ends what only a loaded truck can do."""
    by = load_source(source)
    return Text(en=f"It is empty now, according to {by.en}", zh=f"现为空车，依据：{by.zh}")


def whole_seconds(ms: int) -> int:
    """Seconds as every measure and every sentence gives them: rounded here and nowhere else."""
    return (ms + 500) // 1000


def length(metres: float, *, zh: bool = False) -> str:
    """Metres below a kilometre. Give it the figure that stands in the measures, so that both round alike."""
    if metres < 1000:
        return f"{metres:.0f}{'米' if zh else ' m'}"
    return f"{metres / 1000:.1f}{'公里' if zh else ' km'}"


def duration(ms: int, *, zh: bool = False) -> str:
    """Seconds below two minutes, then minutes, then hours."""
    seconds = whole_seconds(ms)
    for limit, unit, en_name, zh_name in ((120, 1, "s", "秒"), (7200, 60, "min", "分钟")):
        if seconds < limit:
            return f"{seconds / unit:.0f}{zh_name if zh else ' ' + en_name}"
    return f"{seconds / 3600:.1f}{'小时' if zh else ' h'}"


def points(score: float) -> str:
    """A term of a score with its sign, so that the terms printed add up to the score printed."""
    text = f"{score:+.2f}"
    return text.removesuffix("0")


def ref(reading: Reading, *fields: str) -> ReadingRef:
    """Refer to a reading, with the values of the fields that mattered, as far as it has them."""
    values: dict[str, Any] = {name: value for name in fields if (value := getattr(reading, name)) is not None}
    return ReadingRef(device_id=reading.device_id, kind=reading.kind, ts=reading.ts, values=values)


DATUM_CONVERTED: Final = Text(
    en="Its terminal sends GCJ-02 positions: readings show them as sent, judgement converted them to WGS-84",
    zh="该终端上报GCJ-02坐标：读数按上报值显示，研判时已换算为WGS-84",
)


def clock_off(off_ms: int) -> Text:
    """Say how wrong a clock is; `off_ms` is device time less true time."""
    en, zh = long_duration(abs(off_ms)), long_duration(abs(off_ms), zh=True)
    return Text(en=f"{en} behind", zh=f"慢{zh}") if off_ms < 0 else Text(en=f"{en} ahead", zh=f"快{zh}")


def long_duration(ms: int, *, zh: bool = False) -> str:
    """As `duration`, in days from two days on."""
    if ms < 2 * _DAY_MS:
        return duration(ms, zh=zh)
    return f"{ms / _DAY_MS:.0f}{'天' if zh else ' days'}"


def clock_stepped(stepped_ms: int) -> Text:
    """Say that an alert ended because the clock of its device stepped back."""
    if not stepped_ms:
        en, zh = "Its clock stepped back", "设备时钟回拨"
    else:
        by = abs(stepped_ms)
        en, zh = f"Its clock stepped back by {long_duration(by)}", f"设备时钟回拨{long_duration(by, zh=True)}"
    return Text(en=f"{en}: what follows is judged anew", zh=f"{zh}，此后数据重新研判")


def correction_changed(by_ms: int) -> Text:
    """Say that an alert ended because the times of its device are corrected otherwise."""
    by, by_zh = long_duration(abs(by_ms)), long_duration(abs(by_ms), zh=True)
    way, way_zh = ("back", "提前") if by_ms < 0 else ("forward", "推后")
    return Text(
        en=f"clock_correction_s was changed, so its times moved {way} by {by}: what follows is judged anew",
        zh=f"clock_correction_s 已更改，时间{way_zh}{by_zh}，此后数据重新研判",
    )


def switched_off(rule_set: int) -> Text:
    """Say that an alert ended because its rule no longer holds for its subject."""
    return Text(
        en=f"The rule is off here since rule set {rule_set}, or since the registry changed: nothing is judged by it",
        zh=f"自规则集第{rule_set}版或登记信息变更起，此处停用该规则，不再研判",
    )


def with_correction(verdict: Verdict, correction_s: int) -> Verdict:
    """Say in the evidence that the correction of the device's clock is in all its times."""
    corrected = Text(
        en=f"All times are the device's own {correction_s:+} s: its clock is corrected (clock_correction_s)",
        zh=f"时间均为设备时间{correction_s:+}秒：已按 clock_correction_s 修正",
    )
    return _with_finding(verdict, corrected)


def with_clock(verdict: Verdict, off_ms: int, *, corrected: bool) -> Verdict:
    """Say in the evidence that all its times are by a clock that is wrong.

    `corrected`: hours, days and what is valid are those of the true time.
    """
    off = clock_off(off_ms)
    en, zh = f"Dated by a clock that is {off.en}", f"时间取自{off.zh}的设备时钟"
    if corrected:
        en += "; hours and what is valid then are judged by the corrected time"
        zh += "；时段及当时有效的场地、线路、核准按修正后的时间研判"
    return _with_finding(verdict, Text(en=en, zh=zh))


def with_conversion(verdict: Verdict) -> Verdict:
    """Say in the evidence that positions were converted from GCJ-02."""
    return _with_finding(verdict, DATUM_CONVERTED)


def _with_finding(verdict: Verdict, finding: Text) -> Verdict:
    evidence = verdict.evidence
    if evidence is None:
        return verdict
    return replace(verdict, evidence=evidence.model_copy(update={"findings": (*evidence.findings, finding)}))


def bounded(refs: Sequence[ReadingRef], new: ReadingRef) -> list[ReadingRef]:
    """Add a reference and keep at most `MAX_REFS`: the first few, which show how it began, and the latest."""
    return [*refs, new] if len(refs) < MAX_REFS else [*refs[:_FIRST_REFS], *refs[_FIRST_REFS + 1 :], new]


def with_one_more(refs: Sequence[ReadingRef], extra: ReadingRef | None) -> tuple[ReadingRef, ...]:
    """References with one that must not be missing, in order of time, at most `MAX_REFS`."""
    if extra is None or any(cited.ts == extra.ts for cited in refs):
        return tuple(refs)
    kept = refs if len(refs) < MAX_REFS else [*refs[:_FIRST_REFS], *refs[_FIRST_REFS + 1 :]]
    return tuple(sorted([*kept, extra], key=lambda cited: cited.ts))
