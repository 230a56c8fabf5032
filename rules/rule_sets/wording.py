"""Sentences about faults of a rule set, in English and Chinese: what is wrong, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import ErrorDetails

from devices.bounded_files import UnboundedFile
from devices.spelling import closest
from rules.alerts.model import Text
from rules.contract.rule import WrongParameter

TOO_LARGE: Final = Text(
    en="is larger than 1 MiB: keep only what differs from the defaults", zh="超过1 MiB：只保留与默认值不同的内容"
)
WRITE_RULES: Final = Text(
    en="write rules as `rule: {parameter: value}`, and `exceptions`",
    zh="规则请写成 `rule: {parameter: value}`，例外写在 `exceptions` 下",
)
WRITE_EXCEPTION: Final = Text(en="write `where` and `rules`", zh="请写 `where` 和 `rules`")
WRITE_CHANGES: Final = Text(en="write `rule: {parameter: value}`", zh="请写成 `rule: {parameter: value}`")
WRITE_LIST: Final = Text(
    en="write a list, each entry with `where` and `rules`", zh="请写成列表，每项含 `where` 和 `rules`"
)
WRITE_TEXT: Final = Text(en="write one text", zh="请写一个文本值")
WRITE_HOURS: Final = Text(en='write hours in quotes, such as "22:00-06:00"', zh='时段请加引号书写，例如 "22:00-06:00"')
NO_CONDITION: Final = Text(
    en="no condition: what holds everywhere stands at the top of the file", zh="没有条件：处处适用的内容写在文件顶层"
)
EMPTY: Final = Text(en="is empty: leave it out, or name one", zh="为空：请删去，或写一个值")
NOT_BY_THE_HOUR: Final = Text(
    en="cannot be on or off by the hour: change its parameters", zh="不能按时段启用或停用：请改其参数"
)
CITY_WIDE: Final = Text(
    en="compares devices, so it holds for the whole city: write it at the top of the file",
    zh="该参数用于比较设备，只能全市统一：请写在文件顶层",
)
UNTIMED: Final = Text(
    en="judges silence or clocks, which have no hour: leave `hours` out",
    zh="该规则判断离线或时钟，与时段无关：请删去 `hours`",
)


def not_yaml(fault: UnboundedFile) -> Text:
    return Text(en=str(fault), zh=fault.zh)


def write_conditions(places: Sequence[str]) -> Text:
    listed = ", ".join((*places, "hours"))
    return Text(en=f"write conditions: {listed}", zh=f"请写条件：{listed}")


def too_many(count: int, most: int) -> Text:
    return Text(en=f"{count} are too many, at most {most}", zh=f"共{count}项，过多，最多{most}项")


def too_many_combinations(count: int, most: int) -> Text:
    return Text(
        en=f"the exceptions name {count:,} combinations of places, at most {most:,}",
        zh=f"例外涉及{count:,}种地点组合，最多{most:,}种",
    )


def missing(name: str) -> Text:
    return Text(en=f"`{name}` is missing", zh=f"缺少 `{name}`")


def no_such(name: str, names: Sequence[str]) -> Text:
    """A guess at what was meant, or all that there are."""
    guess = closest(name, names)
    if guess is not None:
        return Text(en=f"did you mean {guess!r}?", zh=f"是否应为 {guess!r}？")
    listed = ", ".join(names)
    return Text(en=f"there are {listed}", zh=f"可用的有 {listed}")


def no_rule(name: str, names: Sequence[str]) -> Text:
    found = no_such(name, names)
    return Text(en=f"no such rule: {found.en}", zh=f"没有该规则：{found.zh}")


def no_parameter(name: str, names: Sequence[str]) -> Text:
    found = no_such(name, names)
    return Text(en=f"no such parameter: {found.en}", zh=f"没有该参数：{found.zh}")


def write_parameters(value: object) -> Text:
    return Text(
        en=f"write parameters as `name: value`, or on or off, not {value!r}",
        zh=f"参数请写成 `name: value`，或写 on、off，不能写 {value!r}",
    )


def stands_already(line: int) -> Text:
    return Text(en=f"stands in line {line} already: write it once", zh=f"第{line}行已有：只写一次")


def unknown_place(place: str, value: str, city: str, known: Sequence[str]) -> Text:
    guess = closest(value, known)
    there = ", ".join(known)
    en = f"did you mean {guess!r}?" if guess is not None else f"there are {there or 'none'}"
    zh = f"是否应为 {guess!r}？" if guess is not None else f"现有：{there or '无'}"
    kind = {"district": "行政区", "fleet": "车队"}[place]
    return Text(en=f"{place} {value!r}: {city} has none of this name: {en}", zh=f"{kind} {value!r}：{city} 没有：{zh}")


def where_it_holds(text: Text, conditions: Sequence[str]) -> Text:
    """The same fault, where all these exceptions hold."""
    if not conditions:
        return text
    quoted = [f"`{one}`" for one in conditions]
    return Text(en=f"{text.en}, where {' and '.join(quoted)} holds", zh=f"{text.zh}（在 {'、'.join(quoted)} 适用之处）")


def found_instead(text: Text, value: object) -> Text:
    return Text(en=f"{text.en} (found {value!r})", zh=f"{text.zh}（现为 {value!r}）")


_VALUES_ZH: Final[Mapping[str, str]] = {
    "bool_parsing": "须为 on 或 off",
    "bool_type": "须为 on 或 off",
    "finite_number": "须为有限的数",
    "float_parsing": "须为数",
    "float_type": "须为数",
    "greater_than": "须大于{gt}",
    "greater_than_equal": "不得小于{ge}",
    "int_from_float": "须为整数",
    "int_parsing": "须为整数",
    "int_parsing_size": "整数过大",
    "int_type": "须为整数",
    "less_than": "须小于{lt}",
    "less_than_equal": "不得大于{le}",
    "list_type": "须为列表",
    "string_type": "须为文本",
}
"""By type of an error of pydantic, which has English sentences only."""


def wrong_value(error: ErrorDetails) -> Text:
    """What pydantic found wrong with a parameter."""
    context = error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, WrongParameter):
        return cause.text
    en = error["msg"].removeprefix("Value error, ")
    zh = _VALUES_ZH.get(error["type"])
    return Text(en=en, zh=f"不可用的值：{en}" if zh is None else zh.format_map(_shown(context)))


def _shown(context: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value:g}" if isinstance(value, float) else value for name, value in context.items()}
