"""Sentences about why an indicator has no value, in both languages."""

from collections.abc import Sequence

from rules.alerts.model import Text
from rules.indicators.model import WhyWithheld, Withheld


def no_sites() -> Withheld:
    return _because(
        WhyWithheld.NO_SITES,
        "no registered site counts: register one of these kinds",
        "没有计入的登记场所：请登记相应类型的场所",
    )


def unknown_sites(names: Sequence[str]) -> Withheld:
    listed = ", ".join(names)
    return _because(
        WhyWithheld.UNKNOWN_SITES,
        f"sites of the file are not registered, or of another kind: {listed}",
        f"文件所列场所未登记或类型不符：{listed}",
    )


def sites_without_scale(without: int, sites: int) -> Withheld:
    return _because(
        WhyWithheld.SITES_WITHOUT_SCALE,
        f"{without} of {sites} sites that count have no weighbridge: what they receive is not known",
        f"计入的{sites}个场所中{without}个没有地磅，其接收量不明",
    )


def no_loads() -> Withheld:
    return _because(WhyWithheld.NO_LOADS, "no load was weighed", "没有过磅记录")


def days_without_data(without: int, days: int) -> Withheld:
    return _because(
        WhyWithheld.DAYS_WITHOUT_DATA,
        f"{without} of {days} days have no weighing",
        f"{days}天中有{without}天没有过磅记录",
    )


def unknown_loads(unknown: int, loads: int) -> Withheld:
    return _because(
        WhyWithheld.UNKNOWN_LOADS,
        f"of {unknown} of {loads} loads the net weight or the stream is not known",
        f"{loads}次过磅中有{unknown}次净重或类别不明",
    )


def estimates(weighed_pct: float) -> Withheld:
    return _because(
        WhyWithheld.ESTIMATES,
        f"only {weighed_pct:g} % of the weight has a tare that was weighed",
        f"仅{weighed_pct:g}%的重量有实测皮重",
    )


def base(reasons: Sequence[Withheld]) -> Withheld:
    return _because(
        WhyWithheld.BASE,
        "the same days a year before: " + "; ".join(one.text.en for one in reasons),
        "上年同期：" + "；".join(one.text.zh for one in reasons),
    )


def no_trips() -> Withheld:
    return _because(WhyWithheld.NO_TRIPS, "no trip began and ended", "没有已结束的运输趟次")


def no_points() -> Withheld:
    return _because(WhyWithheld.NO_POINTS, "no smart point is registered", "没有登记的智能回收点")


def points_without_deposits(without: int, points: int) -> Withheld:
    return _because(
        WhyWithheld.POINTS_WITHOUT_DEPOSITS,
        f"{without} of {points} smart points reported no deposit: what they take is not known",
        f"{points}个智能回收点中{without}个没有上报投放，其收集量不明",
    )


def too_long_ago(days: int) -> Withheld:
    return _because(
        WhyWithheld.TOO_LONG_AGO,
        f"the span ended more than {days} days ago: newest readings say nothing about it",
        f"时段结束已超过{days}天，最新上报不能说明当时情况",
    )


def no_reports() -> Withheld:
    return _because(WhyWithheld.NO_REPORTS, "no case of a public report was opened", "没有受理举报案件")


def reports_hidden() -> Withheld:
    return _because(
        WhyWithheld.REPORTS_HIDDEN,
        "cases of public reports are shown to operators and above",
        "举报案件仅向操作员及以上角色显示",
    )


def _because(reason: WhyWithheld, en: str, zh: str) -> Withheld:
    return Withheld(reason=reason, text=Text(en=en, zh=zh))
