"""Titles, findings and ruled-out sentences of `device_clock`, in English and Chinese."""

from typing import Final

from rules.alerts.model import Text
from rules.contract.wording import clock_off, duration, long_duration

_HOUR_MS: Final = 3_600_000
_AGREE_MS: Final = 30_000
_ROLLOVER_MS: Final = 1_024 * 7 * 24 * _HOUR_MS
"""GPS counts weeks in ten bits: a receiver that is not prepared goes back 1,024 weeks (IS-GPS-200, 20.3.3.3.1.1)."""
_LONGEST_ZONE_H: Final = 14

RULED_OUT: Final = (
    Text(
        en="Not an upload of what was buffered: its readings advance at the pace at which they are received",
        zh="非补传数据：其读数时间与接收时间同速推进",
    ),
)


def title(device: Text, off_ms: int) -> Text:
    off = clock_off(off_ms)
    return Text(en=f"{device.en}: its clock is {off.en}", zh=f"{device.zh}：设备时钟{off.zh}")


def findings(off_ms: int, stepped_ms: int, readings: int, over_ms: int, *, refused: bool) -> tuple[Text, ...]:
    off, over = clock_off(off_ms), max(over_ms, 0)
    found = [
        Text(
            en=f"{readings} readings over {duration(over)} agree that its clock is {off.en}",
            zh=f"{duration(over, zh=True)}内{readings}条读数一致表明其时钟{off.zh}",
        )
    ]
    if stepped_ms:
        by, by_zh = long_duration(abs(stepped_ms)), long_duration(abs(stepped_ms), zh=True)
        back = stepped_ms < 0
        found.append(
            Text(
                en=f"It stepped {'back' if back else 'forward'} by {by} while the device reported",
                zh=f"上报期间时钟{'回拨' if back else '前跳'}{by_zh}",
            )
        )
    found += _causes(off_ms)
    if refused:
        found.append(Text(en="Its readings are refused, so it is not judged", zh="其读数被拒收，故不参与研判"))
    found.append(Text(en="Set the clock of the device", zh="请校准设备时钟"))
    return tuple(found)


def _likely(off_ms: int) -> int:
    """The offset without what a message takes on its way, where it is a whole number of hours but for that, ms."""
    whole_ms = round(off_ms / _HOUR_MS) * _HOUR_MS
    return whole_ms if whole_ms and abs(off_ms - whole_ms) <= _AGREE_MS else off_ms


def _causes(off_ms: int) -> list[Text]:
    if abs(abs(off_ms) - _ROLLOVER_MS) <= _AGREE_MS:
        return [Text(en="1024 weeks are the GPS week rollover", zh="1024周即GPS周数翻转")]
    if abs(off_ms) <= _LONGEST_ZONE_H * _HOUR_MS and _likely(off_ms) % _HOUR_MS == 0:
        return [Text(en="Whole hours: it may send the time of another zone", zh="相差整小时：可能上报了其他时区的时间")]
    return []
