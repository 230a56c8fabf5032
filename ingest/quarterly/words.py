"""Every text of the quarterly report that is not part of an indicator, in English and Chinese."""

from typing import Final, NamedTuple

from ingest.evidence.record.words import Language


class Words(NamedTuple):
    """Of one language."""

    title: str
    span: str
    not_over: str
    how_to_read: str
    figures: str
    columns: tuple[str, ...]
    no_value: str
    aims: dict[str, str]
    definitions: str
    formula: str
    scope: str
    made_of: str
    data: str
    loads: str
    weighed: str
    estimated: str
    without_net: str
    without_stream: str
    waiting: str
    days: str
    sites: str
    deposits: str
    points: str
    why: str
    late: str
    late_columns: tuple[str, ...]
    none_late: str
    page: str
    separator: str


WORDS: Final[dict[Language, Words]] = {
    "en": Words(
        title="{city}: indicators of the waste programme, {quarter}",
        span="{first} to {last}, days of the calendar of {timezone}",
        not_over="The quarter is not over: these figures will change.",
        how_to_read="Weights are of weighbridges. Where the data cannot carry a value there is none, and the reason is "
        "given with the definition. Late and corrected tickets are counted in the day that they belong to.",
        figures="Figures",
        columns=("indicator", "value", "unit", "baseline", "target", "done"),
        no_value="no value",
        aims={"at_least": "≥", "at_most": "≤"},
        definitions="Definitions, and what the values rest on",
        formula="Formula: ",
        scope="Scope: ",
        made_of="Made of: ",
        data="Data: ",
        loads="{count} loads",
        weighed="{count} % of the weight weighed in full",
        estimated="{count} estimated",
        without_net="{count} without net weight",
        without_stream="{count} of an unknown stream",
        waiting="{count} wait for their truck",
        days="{count} of {all} days without data",
        sites="{count} of {all} sites without a weighbridge",
        deposits="{count} deposits",
        points="{count} of {all} smart points without a deposit",
        why="No value: ",
        late="What changed after its day was over",
        late_columns=("day", "changes", "kg"),
        none_late="Nothing.",
        page="page {page}",
        separator="; ",
    ),
    "zh": Words(
        title="{city}固体废物方案指标 {quarter}",
        span="{first} 至 {last}（{timezone} 日历日）",
        not_over="本季度尚未结束，数据将会变化。",
        how_to_read="重量来自地磅，指标口径注明者来自智能回收点称重。数据不足以支撑的指标不给出数值，原因见定义部分。迟到与更正的磅单计入其所属日期。",
        figures="指标值",
        columns=("指标", "数值", "单位", "基期", "目标", "完成"),
        no_value="无数值",
        aims={"at_least": "≥", "at_most": "≤"},
        definitions="统计口径与数据依据",
        formula="公式：",
        scope="口径：",
        made_of="构成：",
        data="数据：",
        loads="{count} 车次",
        weighed="重量的 {count}% 为实测",
        estimated="{count} 次为估算",
        without_net="{count} 次无净重",
        without_stream="{count} 次类别不明",
        waiting="{count} 次待认定车辆",
        days="{all} 天中 {count} 天无数据",
        sites="{all} 个场所中 {count} 个无地磅",
        deposits="{count} 次投放",
        points="{all} 个智能回收点中 {count} 个无投放",
        why="无数值：",
        late="当日结束后的变更",
        late_columns=("日期", "变更次数", "千克"),
        none_late="无。",
        page="第 {page} 页",
        separator="；",
    ),
}
