"""Titles, findings and ruled-out sentences of `uncovered_load`, in English and Chinese."""

from rules.alerts.model import Text
from rules.contract.wording import duration, length
from rules.detectors.uncovered_load.parameters import UncoveredLoadParameters


def title(truck: Text, place: Text) -> Text:
    return Text(
        en=f"{truck.en} drove loaded with its cover open, {place.en}", zh=f"{truck.zh}载货行驶未密闭，{place.zh}"
    )


def driven(driven_ms: int, driven_m: float, peak_kmh: float) -> Text:
    """How long and how far it drove with its cover open; `peak_kmh`: its highest speed meanwhile."""
    return Text(
        en=f"It drove {length(driven_m)} in {duration(driven_ms)} with its cover open, at up to {peak_kmh:g} km/h",
        zh=f"顶盖开启状态下行驶{length(driven_m, zh=True)}、{duration(driven_ms, zh=True)}，最高时速{peak_kmh:g}公里",
    )


def ruled_out(limits: UncoveredLoadParameters) -> tuple[Text, ...]:
    return (
        Text(
            en=f"No site is within {length(limits.site_m)}",
            zh=f"{length(limits.site_m, zh=True)}范围内无任何场地",
        ),
        Text(en="The cover switch is steady: it does not chatter", zh="顶盖开关信号稳定，无抖动"),
    )


def closed(closed_ms: int) -> Text:
    return Text(
        en=f"The cover has been closed for {duration(closed_ms)}", zh=f"顶盖已关闭{duration(closed_ms, zh=True)}"
    )
