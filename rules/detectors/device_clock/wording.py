"""Titles, findings and ruled-out sentences of `device_clock`, in English and Chinese."""

from typing import Final

from devices.city.model import MAX_CLOCK_CORRECTION_S
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


def needed_correction_s(off_ms: int, correction_s: int) -> int | None:
    """The correction that makes a clock right which is so far off with the present one; None if none can."""
    needed_s = round(-_likely(off_ms - correction_s * 1000) / 1000)
    return needed_s if abs(needed_s) <= MAX_CLOCK_CORRECTION_S else None


def findings(
    off_ms: int, correction_s: int, stepped_ms: int, readings: int, over_ms: int, *, refused: bool
) -> tuple[Text, ...]:
    off, over = clock_off(off_ms), max(over_ms, 0)
    own_ms = off_ms - correction_s * 1000
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
    if correction_s:
        found.append(
            Text(
                en=f"That is with its clock_correction_s, {correction_s}, which does not fit (any more)",
                zh=f"已计入登记的 clock_correction_s：{correction_s}，该值与设备时钟不符",
            )
        )
    found += _causes(own_ms)
    if refused:
        found.append(Text(en="Its readings are refused, so it is not judged", zh="其读数被拒收，故不参与研判"))
    found.append(_remedy(off_ms, correction_s))
    return tuple(found)


def _remedy(off_ms: int, correction_s: int) -> Text:
    needed_s = needed_correction_s(off_ms, correction_s)
    if needed_s is None:
        return Text(en="Set the clock of the device", zh="请校准设备时钟")
    if not needed_s:
        return Text(
            en="Its own clock is right: set clock_correction_s to 0 in devices.yaml",
            zh="设备时钟本身正确：请在 devices.yaml 中将 clock_correction_s 设为 0",
        )
    return Text(
        en=f"Set the clock of the device; if nobody can, set clock_correction_s to {needed_s} in devices.yaml",
        zh=f"请校准设备时钟；无法校准时，在 devices.yaml 中将 clock_correction_s 设为 {needed_s}",
    )


def _likely(off_ms: int) -> int:
    """The offset without what a message takes on its way, where it is a whole number of hours but for that, ms."""
    whole_ms = round(off_ms / _HOUR_MS) * _HOUR_MS
    return whole_ms if abs(off_ms - whole_ms) <= _AGREE_MS else off_ms


def _causes(off_ms: int) -> list[Text]:
    if abs(abs(off_ms) - _ROLLOVER_MS) <= _AGREE_MS:
        return [Text(en="1024 weeks are the GPS week rollover", zh="1024周即GPS周数翻转")]
    if abs(off_ms) <= _LONGEST_ZONE_H * _HOUR_MS and _likely(off_ms) and _likely(off_ms) % _HOUR_MS == 0:
        return [Text(en="Whole hours: it may send the time of another zone", zh="相差整小时：可能上报了其他时区的时间")]
    return []
