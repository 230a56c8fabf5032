"""Thresholds of rule `mass_shortfall`."""

from pydantic import Field, model_validator

from devices.readings.streams import stream_of
from rules.alerts.model import Text
from rules.contract.rule import Parameters, WrongParameter
from rules.manifests.document import LoadBudget


class MassShortfallParameters(Parameters):
    """Two net weights of one trip differ by the errors of four weighings, by water that drips and by dust: no more."""

    warn_kg: float = Field(300.0, gt=0)
    """A trip that lost more than this, and more than `warn_pct`, is to be looked at: nearly twice what four weighings
    can be off at worst.

    一趟运输净重减少超过此值且超过 `warn_pct` 即提示：约为四次称重最不利误差之和的两倍。"""
    warn_pct: float = Field(2.0, gt=0, lt=100)
    """Or this share of the net weight at the source, in per cent, whichever is more: wet spoil drips.

    或装载点净重的这个百分比，取较大者：湿渣土会滴水。"""
    alert_kg: float = Field(800.0, gt=0)
    """Beyond this, and `alert_pct`, neither scales nor water explain it.

    超过此值且超过 `alert_pct`，衡器误差和滴水都不足以解释。"""
    alert_pct: float = Field(5.0, gt=0, lt=100)
    """Or this share, in per cent, whichever is more.

    或这个百分比，取较大者。"""
    severe_pct: float = Field(10.0, gt=0, lt=100)
    """Beyond this share, in per cent, a part of the load was tipped on the way, or a weighing is false.

    超过这个百分比，即有部分载荷在途中倾倒，或某次称重不实。"""
    gain_kg: float = Field(500.0, gt=0)
    """A trip that gained more than this, and more than `gain_pct`: rain explains less.

    净重增加超过此值且超过 `gain_pct`：降雨不足以解释。"""
    gain_pct: float = Field(3.0, gt=0, lt=100)
    """Or this share, in per cent, whichever is more.

    或这个百分比，取较大者。"""
    weighing_error_kg: float = Field(40.0, ge=0)
    """What one weighing may be off in service: class III scale, e = 20 kg, between 10 and 40 t (OIML R 76). It stands
    in the evidence, four times.

    单次称重的使用中最大允许误差：III级秤，e = 20 kg，10至40 t（OIML R 76）。证据中按四次合计列出。"""
    least_load_kg: float = Field(1_000.0, ge=0)
    """A truck that left its source with less carried no load worth a trip.

    离开装载点时净重低于此值，不算一趟运输。"""
    trip_h: float = Field(12.0, gt=0, le=24)
    """From the weighing at the source to that at the destination, in hours: within a shift.

    从装载点过磅到处置场过磅的小时数：在一个班次之内。"""

    unseen_trip_h: float = Field(4.0, gt=0, le=24)
    """The same where no position shows when the truck left its source, in hours: across a city, with a queue at both
    ends. In a longer time it may have tipped elsewhere and loaded again, unweighed.

    没有定位记录显示车辆何时离开装载点时的同一时限，小时：跨城行驶并在两端排队。时间更长时，车辆可能已在别处卸载并重新装载而未过磅。"""

    kitchen_loss_pct: float = Field(5.0, ge=0, le=50)
    """Kitchen waste loses so much of its weight as water on the way, in per cent: it comes beside `warn_pct`,
    `alert_pct` and `severe_pct`, and manifests issued meanwhile allow it too. Our choice; weigh honest trips to set it.

    厨余垃圾途中失水占重量的百分比：叠加在 `warn_pct`、`alert_pct`、`severe_pct` 之上，
    此后签发的联单同样允许。为本系统取值，宜以实测诚信趟次确定。"""
    sludge_loss_pct: float = Field(3.0, ge=0, le=50)
    """The same for sludge, which steams and drips.

    污泥的同一比例：蒸发与滴漏。"""
    slurry_loss_pct: float = Field(5.0, ge=0, le=50)
    """The same for slurry.

    工程泥浆的同一比例。"""
    volume_error_pct: float = Field(15.0, ge=0, le=100)
    """A load that a manifest states as a volume × a density may be off by so much, in per cent: heaps and moisture
    change both. It holds for manifests issued meanwhile; this rule compares weighings only.

    联单以体积×密度申报的装载量可能相差的百分比：堆高与含水都会改变两者。用于此后签发的联单；本规则只比较称重。"""

    def load_budget(self, stream: str) -> LoadBudget:
        """By what the weights of an honest load of a stream differ, beside the errors of scales."""
        loss_pct = {
            "kitchen": self.kitchen_loss_pct,
            "sludge": self.sludge_loss_pct,
            "slurry": self.slurry_loss_pct,
        }.get(stream_of(stream) or stream, 0.0)
        return LoadBudget(loss_pct=loss_pct, volume_error_pct=self.volume_error_pct)

    @model_validator(mode="after")
    def _in_order(self) -> "MassShortfallParameters":
        if not (self.warn_kg <= self.alert_kg and self.warn_pct <= self.alert_pct <= self.severe_pct):
            raise WrongParameter(
                Text(
                    en="warn_kg, alert_kg and warn_pct, alert_pct, severe_pct must not fall from one to the next",
                    zh="warn_kg、alert_kg 以及 warn_pct、alert_pct、severe_pct 必须依次不减",
                )
            )
        return self
