"""What boards say, in English and Chinese: the languages, and the names of closed lists (rules, severities, …)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from devices.readings.models import Kind, Load
from devices.readings.refusals import Reason
from rules.catalogue import CATALOGUE


class Language(StrEnum):
    """The folder a board is written to."""

    EN = "en"
    ZH = "zh"

    @property
    def other(self) -> "Language":
        return Language.ZH if self is Language.EN else Language.EN


class Text(NamedTuple):
    """Said to a person, in both languages."""

    en: str
    zh: str

    def in_(self, language: Language) -> str:
        return self.zh if language is Language.ZH else self.en


RULES: Final[Mapping[str, Text]] = {rule.name: Text(rule.title.en, rule.title.zh) for rule in CATALOGUE}
"""By the rule's name."""

SEVERITIES: Final[Mapping[str, Text]] = {
    "P1": Text("P1 act now", "P1 立即处置"),
    "P2": Text("P2", "P2"),
    "P3": Text("P3", "P3"),
    "P4": Text("P4 information", "P4 提示"),
}

PHASES: Final[Mapping[str, Text]] = {
    "provisional": Text("suspected", "疑似"),
    "confirmed": Text("confirmed", "已确认"),
    "closed": Text("over", "已结束"),
    "amended": Text("amended", "已更正"),
}

OUTCOMES: Final[Mapping[str, Text]] = {
    "confirmed_violation": Text("Confirmed violation", "确认违规"),
    "false_alarm": Text("False alarm", "误报"),
    "no_action": Text("No action", "不予处理"),
    "device_fault": Text("Device fault", "设备故障"),
}
"""What a person found; an alert nobody closed has `none`."""

LOADS: Final[Mapping[str, Text]] = {
    Load.LOADED: Text("loaded", "重车"),
    Load.PARTIAL: Text("part loaded", "半载"),
    Load.EMPTY: Text("empty", "空车"),
}

KINDS: Final[Mapping[Kind, Text]] = {
    Kind.POSITION: Text("Positions", "定位"),
    Kind.WEIGHING: Text("Weighings", "过磅"),
    Kind.FILL: Text("Fill levels", "满溢度"),
    Kind.THROUGHPUT: Text("Throughput", "处理量"),
    Kind.STATUS: Text("Status", "状态"),
}

REASONS: Final[Mapping[str, Text]] = {
    Reason.FOREIGN_TOPIC: Text("foreign topic", "主题不符"),
    Reason.TOO_LARGE: Text("too large", "报文过大"),
    Reason.BROKEN_JSON: Text("broken JSON", "JSON 损坏"),
    Reason.NOT_A_READING: Text("not a reading", "不是读数"),
    Reason.MISSING_FIELD: Text("missing field", "缺少字段"),
    Reason.WRONG_TYPE: Text("wrong type", "类型错误"),
    Reason.OUT_OF_BOUNDS: Text("out of bounds", "数值越界"),
    Reason.UNKNOWN_DEVICE: Text("unknown device", "未登记设备"),
    Reason.FOREIGN_DEVICE: Text("foreign device", "设备不符"),
    Reason.FUTURE_TIME: Text("future time", "时间超前"),
    "flood": Text("flood", "报文泛滥"),
    "too_many_compartments": Text("too many compartments", "箱体过多"),
    Reason.CONFLICT: Text("conflict", "数据冲突"),
    Reason.REJECTED_BY_STORE: Text("rejected by store", "存储拒绝"),
}
