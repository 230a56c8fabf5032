"""What notices say, in English and Chinese: whoever changes a text opens this file.

Plain text: what devices and files name is never markup, and no link.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ingest.notices.channels import Language
from rules.alerts.model import AlertChange, Amendment, Text
from rules.catalogue import entry_of

_FINDINGS: Final = 3
"""The case has them all."""
_DIGEST_LINES: Final = 12
"""As many as fit into WeCom's 2,048 bytes, at most 120 bytes each."""
_DIGEST_LINE_CHARS: Final = 40
_HEAD: Final = {
    "call": Text(en="", zh=""),
    "climb": Text(en="Not acknowledged: ", zh="无人确认："),
    "graver": Text(en="Now graver: ", zh="升级："),
    "confirmed": Text(en="Confirmed: ", zh="已证实："),
    "reopened": Text(en="Goes on after it was closed: ", zh="结案后仍在继续："),
    "ended": Text(en="Over: ", zh="已结束："),
    Amendment.NEW_LATE: Text(en="Learned of late: ", zh="补报："),
    Amendment.EXTENDED: Text(en="Amended: ", zh="更正："),
    Amendment.DOWNGRADED: Text(en="Downgraded: ", zh="降级："),
    Amendment.RETRACTED: Text(en="Retracted: ", zh="撤回："),
    Amendment.MERGED: Text(en="Part of another alert: ", zh="并入其他告警："),
}
_WHY: Final = {
    "climb": Text(
        en="Nobody has acknowledged this alert. You are told as the next step.",
        zh="此告警尚无人确认，现按下一级通知您。",
    ),
    "ended": Text(en="The incident ended by itself.", zh="事件已自行结束。"),
    Amendment.EXTENDED: Text(
        en="Readings that came later show that it is graver or surer than you were told.",
        zh="后到的数据表明，情况比先前通知的更严重或更确定。",
    ),
    Amendment.DOWNGRADED: Text(
        en="Readings that came later show that it is less grave or less sure than you were told.",
        zh="后到的数据表明，情况不如先前通知的严重或确定。",
    ),
    Amendment.RETRACTED: Text(
        en="Readings that came later show that there was no such incident. Nothing needs to be done.",
        zh="后到的数据表明，此事件并不存在，无需处置。",
    ),
    Amendment.MERGED: Text(
        en="It belongs to another alert, which stands for both. Go on there.",
        zh="此事件属于另一告警，请在该告警中处置。",
    ),
}
_DEVICE: Final = Text(en="Device", zh="设备")
_DISTRICT: Final = Text(en="District", zh="区域")
_TIME: Final = Text(en="Since", zh="时间")
_PLACE: Final = Text(en="Place (WGS-84)", zh="位置（WGS-84）")
_LINK: Final = Text(en="Open and acknowledge (sign-in needed)", zh="查看并确认（需登录）")
_ALERT: Final = Text(en="Alert", zh="告警编号")
_DESK: Final = Text(en="All alerts (sign-in needed)", zh="全部告警（需登录）")
_REPEAT: Final = Text(en="[sent again, may be a repeat of notice {no}] ", zh="【重发，可能与通知 {no} 重复】")

_ADDRESS: Final = re.compile(r"://|www\.", re.IGNORECASE)


class Subject(NamedTuple):
    """What an alert is about, as people call it."""

    device: str
    district: str = ""


class Written(NamedTuple):
    """The texts of a notice."""

    subject: str
    body: str


def reason_of(change: AlertChange, kind: str) -> str:
    """The key of the texts of a notice: its kind, or how the change amends what was told."""
    return kind if kind != "call" or change.amendment is None else str(change.amendment)


def write(
    change: AlertChange,
    reason: str,
    language: Language,
    *,
    about: Subject,
    zone: ZoneInfo,
    console: str | None,
) -> Written:
    """The notice of one change. `reason`: a key of `_HEAD`."""
    when = datetime.fromtimestamp(change.opened_at / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
    lines = [_say(_WHY[reason], language)] if reason in _WHY else []
    lines.append(_line(_DEVICE, unlinked(f"{about.device} ({change.subject})"), language))
    if about.district:
        lines.append(_line(_DISTRICT, unlinked(about.district), language))
    lines.append(_line(_TIME, when, language))
    if change.lat is not None and change.lon is not None:
        lines.append(_line(_PLACE, f"{change.lat:.5f}, {change.lon:.5f}", language))
    if change.amendment not in {Amendment.RETRACTED, Amendment.MERGED}:
        lines += [f"· {unlinked(_say(finding, language))}" for finding in change.evidence.findings[:_FINDINGS]]
    if console is not None:
        lines.append(_line(_LINK, link(console, change.alert_id), language))
    lines.append(_line(_ALERT, f"{change.alert_id}/{change.revision}", language))
    mark = f"【{change.severity}】" if language == "zh" else f"[{change.severity}] "
    head = _say(_HEAD[reason], language)
    return Written(f"{mark}{head}{unlinked(_say(change.title, language))}", "\n".join(lines))


class DigestLine(NamedTuple):
    """One notice of a digest."""

    severity: str
    rule: str
    subject: str


def write_digest(lines: Sequence[DigestLine], language: Language, console: str | None) -> Written:
    """One message in place of many, the gravest first."""
    ordered = sorted(lines, key=lambda line: line.severity)
    counted = Counter((line.severity, line.rule) for line in ordered)
    sums = [f"{severity} {_title(rule, language)} × {count:,}" for (severity, rule), count in counted.most_common()]
    shown = [f"· {line.subject[:_DIGEST_LINE_CHARS]}" for line in ordered[:_DIGEST_LINES]]
    more = len(ordered) - len(shown)
    total = f"{len(ordered):,}"
    if language == "zh":
        subject = f"【汇总】{total} 条告警通知"
        rest = [f"另有 {more:,} 条"] if more > 0 else []
    else:
        subject = f"[digest] {total} alert notices"
        rest = [f"and {more:,} more"] if more > 0 else []
    desk = [_line(_DESK, f"{console}/", language)] if console is not None else []
    return Written(subject, "\n".join([*sums[:_DIGEST_LINES], *shown, *rest, *desk]))


def write_test(language: Language, by: str) -> Written:
    """A message that shows that a channel works."""
    if language == "zh":
        return Written("【测试】Haulwatch 通知测试", f"这是一条测试消息，由 {by} 发出，无需处置。")
    return Written("[test] Haulwatch notices", f"This is a test, sent by {by}. Nothing needs to be done.")


def repeated(subject: str, number: int, language: Language) -> str:
    """The subject of a notice that may have arrived before."""
    return _say(_REPEAT, language).format(no=number) + subject


def link(console: str, alert_id: str) -> str:
    """The case of an alert in the console, which asks who calls before it shows or does anything."""
    return f"{console}/#alert={alert_id}"


def unlinked(text: str) -> str:
    """The text with the beginnings of addresses broken by a space, for a chat makes links of them: a plate or the
    number of a ticket is whatever a device sends.
    """
    return _ADDRESS.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", text)


def _title(rule: str, language: Language) -> str:
    entry = entry_of(rule)
    return rule if entry is None else _say(entry.title, language)


def _line(label: Text, value: str, language: Language) -> str:
    return f"{_say(label, language)}{'：' if language == 'zh' else ': '}{value}"


def _say(text: Text, language: Language) -> str:
    return text.zh if language == "zh" else text.en
