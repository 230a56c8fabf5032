"""Titles, findings and ruled-out sentences of `mass_shortfall`, in English and Chinese."""

from typing import Final

from devices.city.model import City
from rules.alerts.model import Text
from rules.contract.wording import duration

WEIGHED: Final = Text(
    en="Both net weights come of gross and tare weighed at rest; none is a registered or estimated tare",
    zh="两次净重均由静止称得的毛重与皮重得出，未使用登记皮重或估算皮重",
)


def site(site_id: str, city: City) -> Text:
    found = city.sites.get(site_id)
    return Text(en=site_id, zh=site_id) if found is None else Text(en=found.name, zh=found.name_zh)


def title(truck: Text, lost_kg: float, lost_pct: float, to: Text) -> Text:
    kg, pct = f"{abs(lost_kg):.1f}", f"{abs(lost_pct):.1f}"
    if lost_kg > 0:
        return Text(
            en=f"{truck.en} brought {kg} kg ({pct} %) less to {to.en} than it had loaded",
            zh=f"{truck.zh}运抵{to.zh}的净重比装载时少{kg}公斤（{pct}%）",
        )
    return Text(
        en=f"{truck.en} brought {kg} kg ({pct} %) more to {to.en} than it had loaded",
        zh=f"{truck.zh}运抵{to.zh}的净重比装载时多{kg}公斤（{pct}%）",
    )


def weights(source_kg: float, from_: Text, destination_kg: float, to: Text) -> Text:
    return Text(
        en=f"Net weight {source_kg:.1f} kg at {from_.en}, and {destination_kg:.1f} kg at {to.en}",
        zh=f"{from_.zh}净重{source_kg:.1f}公斤，{to.zh}净重{destination_kg:.1f}公斤",
    )


def budget(weighings: int, each_kg: float, sum_kg: float) -> Text:
    return Text(
        en=f"Scales explain no more than ± {sum_kg:.1f} kg: {weighings} weighings, each within ± {each_kg:g} kg in"
        " service",
        zh=f"衡器误差至多可解释±{sum_kg:.1f}公斤：共{weighings}次称重，每次使用中误差不超过±{each_kg:g}公斤",
    )


def water(kg: float) -> Text:
    return Text(
        en=f"Water that leaves such a load explains {kg:.1f} kg more", zh=f"此类载荷途中失水可再解释{kg:.1f}公斤"
    )


def no_other_visit(took_ms: int) -> Text:
    return Text(
        en=f"Not two trips: the truck was weighed nowhere else in the {duration(took_ms)} between",
        zh=f"并非两趟运输：其间{duration(took_ms, zh=True)}内该车未在别处过磅",
    )


def corrected(source_kg: float, destination_kg: float) -> Text:
    return Text(
        en=f"By later tickets the net weights are {source_kg:.1f} kg and {destination_kg:.1f} kg, within the tolerance",
        zh=f"按后续磅单，净重为{source_kg:.1f}公斤和{destination_kg:.1f}公斤，在允许范围内",
    )
