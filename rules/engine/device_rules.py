"""The rules of the device stage, asked about one device at a time: their states of it, and the timers of those that
judge silence.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from devices.city.model import City, Device, DeviceRole
from devices.geo.geometry import Datum
from rules.contract.observation import ClockFound, Observation, Silence
from rules.contract.rule_choice import RuleChoice, Scope, scope_of
from rules.contract.verdicts import RuleVerdict, Verdict
from rules.contract.wording import with_clock, with_conversion, with_correction
from rules.engine.clocks.tickets import cited_as_stored
from rules.engine.device_state import DeviceState
from rules.engine.failures import RuleFailures
from rules.engine.rules_in_force import IndexedRule, ReadingRules, RulesInForce
from rules.engine.timers import WakeTimers

_GCJ02: Final = Datum.GCJ02


class DeviceRules:
    """Finds the rules in force for a device and asks them. A rule that raises loses its state of the device; the others
    go on.
    """

    def __init__(self, choice: RuleChoice, failures: RuleFailures) -> None:
        """`failures`: readings on which a rule raised, by name, counted here."""
        self.count: int = len(choice.rules)
        self._choice = choice
        self._in_force: dict[tuple[DeviceRole, Scope], RulesInForce] = {}
        self._names = [rule.name for rule in choice.rules]
        self._of_unregistered = RulesInForce(None, choice.in_force(Scope()), self._names)
        self._spans_runs = [rule.spans_runs for rule in choice.rules]
        self._failures = failures
        self.wakes = WakeTimers()
        """When rules that judge silence are due."""

    def in_force(self, device: Device, city: City, ts: int) -> RulesInForce:
        """The rules that hold for a device of this city, as its vehicle and site are at device time `ts`, ms."""
        scope = scope_of(device, city, ts)
        key = (device.role, scope)
        found = self._in_force.get(key)
        if found is None:
            found = self._in_force[key] = RulesInForce(device.role, self._choice.in_force(scope), self._names)
        return found

    def at(self, ts: int, device_state: DeviceState, city: City) -> ReadingRules:
        """The rules that judge a reading of device time `ts`, ms; those of the newest one judge silence and clocks."""
        if device_state.scope_changes and device_state.device is not None:
            found = self.in_force(device_state.device, city, ts)
            if ts >= device_state.judged_until:
                device_state.in_force = found
            return found.at(ts, city)
        return self._of(device_state).at(ts, city)

    def asked(
        self, ts: int, observation: Observation, device_state: DeviceState, *, again: bool
    ) -> Sequence[IndexedRule]:
        """The rules that judge a reading of device time `ts`, ms, in order; `again`: those that judged it before."""
        rules = self.at(observation.calendar_ts, device_state, observation.city)
        asked = rules.asked(again=again, doubtful=device_state.clock.doubtful)
        begun = device_state.rules_begun if again else None
        return [one for one in asked if ts > begun.get(one.rule.name, 0)] if begun else asked

    def ask(
        self,
        indexed: IndexedRule,
        question: Callable[[Any, Any], Sequence[Verdict]],
        about: Observation | Silence | ClockFound,
        device_state: DeviceState,
        verdicts: list[Any],
    ) -> bool:
        """Ask a rule one of its questions about a device and collect its verdicts; False if it raised."""
        try:
            given = question(about, self._state(indexed, device_state))
        except Exception as exc:  # noqa: BLE001 - a rule's bug must not stop the others
            self._failures.note(indexed.rule.name, exc)
            device_state.rule_states[indexed.state_index] = None
            return False
        if given:
            rule, device, clock = indexed.rule, device_state.device, device_state.clock
            if device is not None and device.datum is _GCJ02:
                given = [with_conversion(verdict) for verdict in given]
            if clock.run_correction_s and not rule.spans_runs:
                given = [with_correction(verdict, clock.run_correction_s) for verdict in given]
            if clock.tickets and device is not None:
                given = [cited_as_stored(verdict, device.id, clock) for verdict in given]
            if clock.off and not rule.spans_runs:
                given = [with_clock(verdict, clock.off, corrected=rule.asks_calendar) for verdict in given]
            verdicts += [RuleVerdict(rule.name, rule.version, verdict) for verdict in given]
        if indexed.judges_silence:
            self._schedule_wake(indexed, device_state)
        return True

    def ask_beside_order(
        self,
        indexed: IndexedRule,
        question: Callable[[Any, Any], Sequence[Verdict]],
        about: Observation,
        device_state: DeviceState,
        verdicts: list[Any],
    ) -> None:
        """Ask likewise about a reading that has no place among those in order."""
        given: list[RuleVerdict] = []
        self.ask(indexed, question, about, device_state, given)
        verdicts += [one._replace(verdict=replace(one.verdict, beside_order=True)) for one in given]

    def ask_about_silence(self, silence: Silence, due: int, device_state: DeviceState, verdicts: list[Any]) -> None:
        """Ask the rules that are due at this fleet time, ms."""
        for indexed in self._of(device_state).silence:
            state = device_state.rule_states[indexed.state_index]
            if state is not None and indexed.rule.due(state) == due:
                self.ask(indexed, indexed.rule.expire, silence, device_state, verdicts)
            else:
                self._schedule_wake(indexed, device_state)

    def are_due(self, due: int, device_state: DeviceState) -> bool:
        """True if a rule judges silence at this fleet time, ms; the others only have their timers set again."""
        for indexed in self._of(device_state).silence:
            state = device_state.rule_states[indexed.state_index]
            if state is not None and indexed.rule.due(state) == due:
                return True
        return False

    def judged_again(self, observation: Observation, device_state: DeviceState, verdicts: list[Any]) -> None:
        """Ask the rules that count when a device is heard, after its late readings were judged in their place."""
        for indexed in self.at(observation.calendar_ts, device_state, observation.city).unordered:
            self.ask(indexed, indexed.rule.judged_again, observation, device_state, verdicts)

    def ask_after_doubt(self, observation: Observation, device_state: DeviceState, verdicts: list[Any]) -> None:
        """Ask the rules that take a reading beside its order, and that a doubtful clock kept from the calendar."""
        for indexed in self.at(observation.calendar_ts, device_state, observation.city).unordered:
            if indexed.asks_calendar:
                self.ask_beside_order(indexed, indexed.rule.judge_late, observation, device_state, verdicts)

    def ask_about_clock(self, found: ClockFound, device_state: DeviceState, verdicts: list[Any]) -> None:
        """Ask the rules that judge clocks."""
        for indexed in self._of(device_state).clock:
            self.ask(indexed, indexed.rule.judge_clock, found, device_state, verdicts)

    def begin_run(self, device_state: DeviceState) -> None:
        """Let all states begin anew but those that span runs."""
        for index, spans in enumerate(self._spans_runs):
            if not spans:
                device_state.rule_states[index] = None

    def missed_at(self, device: Device, city: City, since: int) -> int | None:
        """Fleet time, ms, from which a device that is awaited since `since` is missed; None if no rule misses it."""
        times = [indexed.rule.missed_at(device, since) for indexed in self.in_force(device, city, since).silence]
        return min([time for time in times if time is not None], default=None)

    def await_first(self, device: Device, city: City, device_state: DeviceState, since: int) -> bool:
        """Let the rules of silence that do not know the device await it since this fleet time, ms; False if none."""
        unaware = [
            one
            for one in self.in_force(device, city, since).silence
            if device_state.rule_states[one.state_index] is None
        ]
        for indexed in unaware:
            state = self._state(indexed, device_state)
            indexed.rule.await_first(device, state, since, was_heard=device_state.buffer.newest > 0)
            self._schedule_wake(indexed, device_state)
        return bool(unaware)

    def note_alive(self, device_state: DeviceState, now: int) -> None:
        """Note that the device was heard at fleet time `now`, ms, by a reading that is judged later."""
        for indexed in self._of(device_state).silence:
            indexed.rule.note_alive(self._state(indexed, device_state), now)
            self._schedule_wake(indexed, device_state)

    def refuse(self, device_state: DeviceState) -> None:
        """Note a message of the device of which no reading was accepted."""
        for indexed in self._of(device_state).silence:
            indexed.rule.refuse(self._state(indexed, device_state))
            self._schedule_wake(indexed, device_state)

    def time_was_set(self, device_state: DeviceState, now: int, by_ms: int) -> None:
        """Note that fleet time was set to `now`, ms, by `by_ms`."""
        for indexed in self._of(device_state).silence:
            indexed.rule.time_was_set(self._state(indexed, device_state), now, by_ms)

    def off_for(self, device_state: DeviceState | None) -> Mapping[int, str]:
        """Names of the rules that are off for a device, by index; None: for a subject that is none."""
        return (self._of_unregistered if device_state is None else self._of(device_state)).off

    def schedule_wakes(self, device_states: Iterable[DeviceState]) -> None:
        """Begin all timers anew."""
        self.wakes = WakeTimers()
        for device_state in device_states:
            device_state.wake_at = 0
            for indexed in self._of(device_state).silence:
                self._schedule_wake(indexed, device_state)

    def _of(self, device_state: DeviceState) -> RulesInForce:
        found = device_state.in_force
        return self._of_unregistered if found is None else found

    def _state(self, indexed: IndexedRule, device_state: DeviceState) -> Any:
        """The state that the rule has of the device, made if there is none."""
        states = device_state.rule_states
        state = states[indexed.state_index]
        if state is None:
            state = states[indexed.state_index] = indexed.rule.state()
        return state

    def _schedule_wake(self, indexed: IndexedRule, device_state: DeviceState) -> None:
        """Keep one timer no later than the rule is due; it is corrected when it fires."""
        state = device_state.rule_states[indexed.state_index]
        due = None if state is None else indexed.rule.due(state)
        if due is not None and (not device_state.wake_at or due < device_state.wake_at):
            device_state.wake_at = due
            self.wakes.add(device_state)
