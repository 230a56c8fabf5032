"""Profiles of terminals: which bits and items of a location say lift, cover and load. Makers contradict each other, so
nothing of theirs is read without a profile.

`Settings` is what a city writes down for a model; `BUILT_IN` holds those of published firmware. Whether a switch is on
when its bit is set is the vehicle's (`lift_inverted`, `cover_inverted`), not the profile's.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from devices.codecs.jt808.location import LOAD_BITS, LOAD_SHIFT, Location
from devices.readings.decoding import Decoding
from devices.readings.models import Load

_MAX_ITEM_BYTES: Final = 255

ItemId = Annotated[int, Field(ge=0x00, le=0xFF)]
Items = Mapping[int, bytes]
"""Values of the items of a location, by id."""

_LOAD_OF_BITS: Final = {0: Load.EMPTY, 1: Load.PARTIAL, 3: Load.LOADED}


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Bit(_Settings):
    """A bit of the status word, of the alarm word, or of an item; 0 is the lowest."""

    bit: Annotated[int, Field(ge=0, lt=8 * _MAX_ITEM_BYTES)]
    word: Literal["status", "alarm"] = "status"
    item: ItemId | None = None
    """Instead of a word: the id of an item, whose bytes are one number, the highest first."""
    clear: Literal["off", "unknown"] = "off"
    """What a bit that is not set means. `unknown`: a bit that is set in some places only, such as "raised outside"."""

    @model_validator(mode="after")
    def _is_in_its_word(self) -> "Bit":
        if self.item is None and self.bit > 31:
            raise ValueError("the words have bits 0 to 31")
        if self.item is not None and "word" in self.model_fields_set:
            raise ValueError("give either word or item")
        return self

    def read(self, location: Location, items: Items) -> bool | None:
        """Return whether the bit is set; None where it says nothing."""
        if self.item is None:
            number = location.status_bits if self.word == "status" else location.alarm_bits
        else:
            value = items.get(self.item, b"")
            if self.bit >= 8 * len(value):
                return None
            number = int.from_bytes(value)
        return True if number >> self.bit & 1 else False if self.clear == "off" else None


class _Number(_Settings):
    """A whole number without sign in an item, the highest byte first."""

    item: ItemId
    at: Annotated[int, Field(ge=0, lt=_MAX_ITEM_BYTES)] = 0
    """How many bytes stand before it."""
    size: Annotated[int, Field(ge=1, le=4)]
    """Its bytes."""

    def number(self, items: Items) -> int | None:
        """Return the number; None where the item is absent or too short."""
        value = items.get(self.item, b"")[self.at : self.at + self.size]
        return int.from_bytes(value) if len(value) == self.size else None


class Weight(_Number):
    """Weight of the load in an item."""

    unit_kg: Annotated[float, Field(gt=0, le=1_000)]
    """Kilograms of one step."""
    unknown: Sequence[int] = ()
    """Numbers that are no weight, such as 0xFFFF."""

    def read(self, items: Items) -> float | None:
        """Return the weight in kg."""
        number = self.number(items)
        return None if number is None or number in self.unknown else number * self.unit_kg


class LoadState(_Number):
    """State of the load in an item; a number in none of the lists says nothing."""

    size: Annotated[int, Field(ge=1, le=4)] = 1
    empty: Sequence[int] = ()
    partial: Sequence[int] = ()
    loaded: Sequence[int] = ()

    def read(self, items: Items) -> Load | None:
        number = self.number(items)
        if number in self.loaded:
            return Load.LOADED
        if number in self.partial:
            return Load.PARTIAL
        return Load.EMPTY if number in self.empty else None


class Settings(_Settings):
    """How the locations of one model of terminal are read. The first of `load`, `loaded` and `load_bits` decides."""

    lift_up: Bit | None = None
    cover_open: Bit | None = None
    loaded: Bit | None = None
    """Set: loaded, clear: empty."""
    load: LoadState | None = None
    load_kg: Weight | None = None
    load_bits: Literal["all", "set", "none"] = "set"
    """Bits 8 and 9 of the status word. `all`: 00 is empty, for terminals with a load sensor. `set`: 00 says nothing,
    since it is also what a terminal without one sends. `none`: the maker uses them otherwise."""

    def sensors(self, location: Location, items: Items) -> dict[str, object]:
        """Return the fields of a position that switches and load sensors give."""
        found: dict[str, object] = {"load": self._load(location, items)}
        if self.lift_up is not None:
            found["lift_up"] = self.lift_up.read(location, items)
        if self.cover_open is not None:
            found["cover_open"] = self.cover_open.read(location, items)
        if self.load_kg is not None:
            found["load_kg"] = self.load_kg.read(items)
        return {name: value for name, value in found.items() if value is not None}

    def _load(self, location: Location, items: Items) -> Load | None:
        if self.load is not None:
            return self.load.read(items)
        if self.loaded is not None:
            is_loaded = self.loaded.read(location, items)
            return None if is_loaded is None else Load.LOADED if is_loaded else Load.EMPTY
        bits = location.status_bits >> LOAD_SHIFT & LOAD_BITS
        if self.load_bits == "none" or (self.load_bits == "set" and not bits):
            return None
        return _LOAD_OF_BITS.get(bits)


STANDARD: Final = Settings()
BUILT_IN: Final[Mapping[str, Settings]] = {
    "standard": STANDARD,
    "load-sensor": Settings(load_bits="all"),
    # Firmware of Fuzhou's construction-waste terminals: bits that the standard reserves.
    "trwy": Settings(lift_up=Bit(bit=30), cover_open=Bit(bit=29), loaded=Bit(bit=28)),
    # E-EYE (Jiutong): item E4, both bits outside permitted areas only.
    "e-eye": Settings(
        lift_up=Bit(item=0xE4, bit=1, clear="unknown"), cover_open=Bit(item=0xE4, bit=0, clear="unknown")
    ),
}
"""By the name under which a device is registered; without a name it is `standard`."""


@lru_cache(maxsize=4_096)
def settings_of(decoding: Decoding) -> Settings:
    """Return the settings by which a device is read: those of the city's profile or of a built-in one.

    Where there are none, or a former version wrote them, only what the standard says is read. Never raises.
    """
    if not decoding.settings:
        return BUILT_IN.get(decoding.profile, STANDARD)
    try:
        return Settings.model_validate(dict(decoding.settings))
    except ValidationError:
        return STANDARD


def check_settings(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the faults in the settings of a city's profile: key and what is wrong with it. Never raises."""
    try:
        Settings.model_validate(dict(settings))
    except ValidationError as exc:
        errors = exc.errors(include_url=False, include_context=False)
        return [(".".join(map(str, error["loc"])), _fault(error["type"], error["msg"])) for error in errors]
    return []


def _fault(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such setting: docs/dialects/jt808.md lists those there are"
    return message.removeprefix("Value error, ")
