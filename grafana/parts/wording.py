"""Texts of the boards in English and Chinese: the languages, and the names of closed lists (rules, severities, …)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from devices.readings.models import Kind, Load
from devices.readings.refusals import Reason
from devices.readings.streams import STREAM_NAMES
from rules.catalogue import CATALOGUE


class Language(StrEnum):
    """A language of the boards; the value is the folder they are written to."""

    EN = "en"
    ZH = "zh"

    @property
    def other(self) -> "Language":
        return Language.ZH if self is Language.EN else Language.EN


class Phrase(NamedTuple):
    """A text in both languages."""

    en: str
    zh: str

    def in_(self, language: Language) -> str:
        return self.zh if language is Language.ZH else self.en


SINCE: Final[Mapping[Language, str]] = {Language.EN: "dateTimeFromNow", Language.ZH: "time:MM-DD HH:mm"}
"""Unit of a past moment. Grafana says "4 hours ago" in English only."""

LASTING: Final[Mapping[Language, str]] = {Language.EN: "s", Language.ZH: "dthms"}
"""Unit of a time that something took, in seconds: "23.3 mins", or 00:23:20, which has no words."""

RULES: Final[Mapping[str, Phrase]] = {rule.name: Phrase(rule.title.en, rule.title.zh) for rule in CATALOGUE}
"""By the name of the rule."""

SEVERITIES: Final[Mapping[str, Phrase]] = {
    "P1": Phrase("P1 act now", "P1 立即处置"),
    "P2": Phrase("P2", "P2"),
    "P3": Phrase("P3", "P3"),
    "P4": Phrase("P4 information", "P4 提示"),
}

PHASES: Final[Mapping[str, Phrase]] = {
    "provisional": Phrase("suspected", "疑似"),
    "confirmed": Phrase("confirmed", "已确认"),
    "closed": Phrase("over", "已结束"),
    "amended": Phrase("amended", "已更正"),
}

OUTCOMES: Final[Mapping[str, Phrase]] = {
    "confirmed_violation": Phrase("Confirmed violation", "确认违规"),
    "false_alarm": Phrase("False alarm", "误报"),
    "no_action": Phrase("No action", "不予处理"),
    "device_fault": Phrase("Device fault", "设备故障"),
}
"""The outcome that a person recorded; an alert that nobody closed has `none`."""

SUSPECTED_KINDS: Final[Mapping[str, Phrase]] = {
    "dump": Phrase("Dump", "黑消纳场"),
    "source": Phrase("Source", "黑工地"),
}
SUSPECTED_STATES: Final[Mapping[str, Phrase]] = {
    "proposed": Phrase("Proposed", "待核查"),
    "accepted": Phrase("Accepted", "已认定"),
    "dismissed": Phrase("Dismissed", "已排除"),
}
"""What a suspected site may be, and what people decided about it."""

MANIFEST_STATES: Final[Mapping[str, Phrase]] = {
    "draft": Phrase("draft", "草稿"),
    "source_confirmed": Phrase("source confirmed", "来源已确认"),
    "in_transit": Phrase("in transit", "运输中"),
    "arrived": Phrase("arrived", "已到达"),
    "disposal_confirmed": Phrase("disposal confirmed", "处置已确认"),
    "closed": Phrase("closed", "已闭环"),
    "rejected": Phrase("rejected", "拒收"),
    "discrepancy": Phrase("not matching", "不符"),
    "overdue": Phrase("overdue", "超时"),
    "under_correction": Phrase("under correction", "更正中"),
    "void": Phrase("void", "作废"),
}
"""States of a manifest."""

STREAMS: Final[Mapping[str, Phrase]] = {word: Phrase(name.en, name.zh) for word, name in STREAM_NAMES.items()}
"""Waste streams and compartments by the words that devices use for them. Another word is shown as it is."""

LOADS: Final[Mapping[str, Phrase]] = {
    Load.LOADED: Phrase("loaded", "重车"),
    Load.PARTIAL: Phrase("part loaded", "半载"),
    Load.EMPTY: Phrase("empty", "空车"),
}

KINDS: Final[Mapping[Kind, Phrase]] = {
    Kind.POSITION: Phrase("Positions", "定位"),
    Kind.WEIGHING: Phrase("Weighings", "过磅"),
    Kind.FILL: Phrase("Fill levels", "满溢度"),
    Kind.THROUGHPUT: Phrase("Throughput", "处理量"),
    Kind.STATUS: Phrase("Status", "状态"),
}

REASONS: Final[Mapping[str, Phrase]] = {
    Reason.FOREIGN_TOPIC: Phrase("foreign topic", "主题不符"),
    Reason.UNKNOWN_DIALECT: Phrase("unknown dialect", "未知方言"),
    Reason.TOO_LARGE: Phrase("too large", "报文过大"),
    Reason.BROKEN_JSON: Phrase("broken JSON", "JSON 损坏"),
    Reason.NOT_A_READING: Phrase("not a reading", "不是读数"),
    Reason.MISSING_FIELD: Phrase("missing field", "缺少字段"),
    Reason.WRONG_TYPE: Phrase("wrong type", "类型错误"),
    Reason.OUT_OF_BOUNDS: Phrase("out of bounds", "数值越界"),
    Reason.UNKNOWN_DEVICE: Phrase("unknown device", "未登记设备"),
    Reason.FOREIGN_DEVICE: Phrase("foreign device", "设备不符"),
    Reason.ANOTHER_DIALECT: Phrase("another dialect", "协议与登记不符"),
    Reason.KIND_OF_ANOTHER_ROLE: Phrase("kind of another role", "类别与角色不符"),
    Reason.FUTURE_TIME: Phrase("future time", "时间超前"),
    "flood": Phrase("flood", "报文泛滥"),
    "too_many_compartments": Phrase("too many compartments", "箱体过多"),
    "not_compared": Phrase("not compared with the store", "未与存储比对"),
    Reason.CONFLICT: Phrase("conflict", "数据冲突"),
    Reason.REJECTED_BY_STORE: Phrase("rejected by store", "存储拒绝"),
}

LIMITS: Final[Mapping[str, Phrase]] = {
    "rate": Phrase("messages or bytes beyond its rate", "报文或字节超速"),
    "share": Phrase("messages that wait for its share of the raw log", "等待日志份额的报文"),
    "dead_letters": Phrase("refused readings without room for a dead letter", "拒收读数过多"),
    "compartments": Phrase("compartments", "箱体过多"),
    "scattered_times": Phrase("readings not compared with the store", "时间过散，未与存储比对"),
    "waiting_readings": Phrase("readings not judged, too many waited", "等待过多，未研判的读数"),
    "alerts": Phrase("alert changes not published", "未发布的告警变更"),
}
"""Limits of one device, by the names that `ingest.process.over_limit` gives them."""
