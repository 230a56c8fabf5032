"""Rules that are switched off and on for a device, by another rule set or because the device is elsewhere now."""

from collections.abc import Callable

from devices.city.model import City, Device
from rules.engine.device_rules import DeviceRules
from rules.engine.device_state import NOT_BEGUN, DeviceState
from rules.engine.late.kept_gaps import KeptGaps


class RuleSwitching:
    """A rule that is off forgets a device; on again, it begins with the next reading as with a device never heard."""

    def __init__(self, rules: DeviceRules, kept: KeptGaps, change: Callable[[DeviceState], None]) -> None:
        """`change`: called for a device whose state changes."""
        self._rules, self._kept, self._change = rules, kept, change

    def settle(self, device_state: DeviceState, device: Device | None, city: City, now: int) -> None:
        """Take the rules that hold for the device from here on; `now`: fleet time, ms."""
        begun = device_state.rules_begun or {}
        off = self._rules.off_for(device_state)
        is_changed = bool(off) and self._forget(device_state)
        if device is not None:
            for name in [name for name, ts in begun.items() if ts == NOT_BEGUN and name not in off.values()]:
                begun[name] = device_state.judged_until
                is_changed = True
            if now:
                is_changed |= self._rules.await_first(device, city, device_state, now)
        if is_changed:
            self._change(device_state)

    def _forget(self, device_state: DeviceState) -> bool:
        """Forget what rules that are off know, now and at the gaps; False if they knew nothing."""
        states, off = device_state.rule_states, self._rules.off_for(device_state)
        knew = [index for index in off if states[index] is not None]
        for index in knew:
            states[index] = None
        return self._kept.drop_rules(device_state, off) or bool(knew)
