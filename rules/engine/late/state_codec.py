"""States of trackers, rules and incidents as MessagePack, by the fields of their classes."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from pydantic import BaseModel

from rules.compiled_annotations import restore_annotations
from rules.contract.rule import Rule
from rules.tracking.tracker import Tracker

Decoder = msgspec.msgpack.Decoder[Any]


class StateCodec:
    """Writes and reads the states that are functions of one device's readings in order."""

    def __init__(self, rules: Sequence[Rule[Any]], trackers: Sequence[Tracker[Any, Any]]) -> None:
        restore_annotations(type(rule).__module__ for rule in rules)
        self._rules = [(n, key_of(rule), decoder(rule.state)) for n, rule in enumerate(rules) if rule.ordered]
        self._trackers = [(n, tracker.name, decoder(tracker.state)) for n, tracker in enumerate(trackers)]

    def pack(self, tracker_states: Sequence[Any], rule_states: Sequence[Any]) -> bytes:
        members = {key: tracker_states[n] for n, key, _ in self._trackers if tracker_states[n] is not None}
        members |= {key: rule_states[n] for n, key, _ in self._rules if rule_states[n] is not None}
        return ENCODER.encode(members)

    def without(self, rules: Collection[int], packed: bytes) -> bytes:
        """The states without those of these rules, by index."""
        members = _MEMBERS.decode(packed)
        dropped = [key for n, key, _ in self._rules if n in rules and key in members]
        for key in dropped:
            del members[key]
        return ENCODER.encode(members) if dropped else packed

    def unpack(self, packed: bytes, tracker_states: list[Any], rule_states: list[Any]) -> None:
        """Replace the states in both lists; a rule of another version begins with an empty one."""
        members = _MEMBERS.decode(packed)
        for states, decoders in ((tracker_states, self._trackers), (rule_states, self._rules)):
            for n, key, state_decoder in decoders:
                states[n] = state_decoder.decode(members[key]) if key in members else None


def key_of(rule: Rule[Any]) -> str:
    return f"{rule.name}/{rule.version}"


def _encode_model(value: Any) -> Any:
    """Texts and evidence of alerts are pydantic models, which the API describes."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise NotImplementedError(f"a {type(value).__name__} cannot be written to a row")


def _decode_model(wanted: type, value: Any) -> Any:
    if issubclass(wanted, BaseModel):
        return wanted.model_validate(value)
    raise NotImplementedError(f"a {wanted.__name__} cannot be read from a row")


def decoder(wanted: Any) -> Decoder:
    return msgspec.msgpack.Decoder(wanted, dec_hook=_decode_model)


ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_encode_model)
_MEMBERS: Final = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
