"""The mapping: which groups of the provider get which role, and what they see. A YAML file of the operator.

    name: preferred_username            # claim: the name of the account
    display_name: name                  # claim: the name that others see
    groups: [realm_access, roles]       # claim; a list leads into nested ones
    districts: districts                # claims that entries below may name
    hauliers: hauliers
    roles:
      - {group: waste-administrators, role: administrator}
      - {group: waste-officers, role: officer, districts: claim}
      - {group: danhe, role: viewer, hauliers: [danhe]}

Claims choose among the entries and can add nothing to them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from devices.errors import OperatorError
from devices.people.model import Refused, Role, Visibility, check_limits
from devices.readings.text import MAX_SHORT_CHARS, unseen_character

_MAX_VALUES: Final = 5_000
"""Of one claim: a person may be in some hundred groups; what follows is not looked at."""
_MAX_FILE_BYTES: Final = 1 << 20

ClaimPath = str | Annotated[list[str], Field(min_length=1)]
Limit = Literal["claim"] | Annotated[list[str], Field(min_length=1)] | None
"""`claim`: what the claim lists; a list: these; none: no limit."""


class BadMapping(OperatorError):
    """The file cannot be used; the message says what is wrong where."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person may do and see."""

    role: Role
    visibility: Visibility


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Annotated[str, Field(min_length=1)]
    role: Role
    districts: Limit = None
    hauliers: Limit = None

    @model_validator(mode="after")
    def _has_fitting_limits(self) -> Self:
        if self.role is Role.ADMINISTRATOR and (self.districts is not None or self.hauliers is not None):
            try:
                check_limits(self.role, Visibility(frozenset(), None))
            except Refused as exc:
                raise ValueError(str(exc)) from None
        return self


class SignOnMapping(BaseModel):
    """The file, checked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClaimPath = "preferred_username"
    display_name: ClaimPath = "name"
    groups: ClaimPath = "groups"
    districts: ClaimPath = "districts"
    hauliers: ClaimPath = "hauliers"
    roles: Annotated[tuple[_Entry, ...], Field(min_length=1)]

    def granted(self, claims: Mapping[str, Any]) -> Grant | None:
        """The highest role that a group of the person gives; entries of that role add up. None: no role.

        Two entries add up where one of them has no limits, or both limit the same one thing. Otherwise the first in
        the file holds: districts of one and hauliers of another would meet in trucks that neither gives.
        """
        groups = set(_texts(claims, self.groups))
        found = [
            Grant(entry.role, visibility)
            for entry in self.roles
            if entry.group in groups and (visibility := self._visibility(entry, claims)) is not None
        ]
        if not found:
            return None
        role = max((grant.role for grant in found), key=list(Role).index)
        return Grant(role, _together([grant.visibility for grant in found if grant.role is role]))

    def needs(self) -> set[str]:
        """Names of the claims at the top that this mapping reads."""
        needed: list[ClaimPath] = [self.name, self.display_name, self.groups]
        needed += [self.districts] if any(entry.districts == "claim" for entry in self.roles) else []
        needed += [self.hauliers] if any(entry.hauliers == "claim" for entry in self.roles) else []
        return {path if isinstance(path, str) else path[0] for path in needed}

    def text(self, claims: Mapping[str, Any], path: ClaimPath) -> str | None:
        """The first text of a claim."""
        return next(_texts(claims, path), None)

    def fixed(self) -> tuple[set[str], set[str]]:
        """Districts and hauliers that the file itself names."""
        return _fixed(entry.districts for entry in self.roles), _fixed(entry.hauliers for entry in self.roles)

    def _visibility(self, entry: _Entry, claims: Mapping[str, Any]) -> Visibility | None:
        """None: the entry wants a claim that is not there."""
        limits = []
        for limit, path in ((entry.districts, self.districts), (entry.hauliers, self.hauliers)):
            values = None if limit is None else frozenset(limit if limit != "claim" else _names(claims, path))
            if values is not None and not values:
                return None
            limits.append(values)
        return Visibility(*limits)


def read_mapping(file: Path) -> SignOnMapping:
    """Raises BadMapping."""
    try:
        with file.open("rb") as opened:
            content = yaml.safe_load(opened.read(_MAX_FILE_BYTES))
        return SignOnMapping.model_validate(content)
    except OSError as exc:
        raise BadMapping(f"{file}: {exc.strerror}") from exc
    except yaml.YAMLError as exc:
        raise BadMapping(f"{file}: is no YAML: {' '.join(str(exc).split())}") from exc
    except ValidationError as exc:
        faults = (f"{'.'.join(map(str, error['loc'])) or 'file'}: {error['msg']}" for error in exc.errors())
        raise BadMapping(f"{file}: {'; '.join(faults)}") from exc


def _together(parts: list[Visibility]) -> Visibility:
    whole = next((part for part in parts if part.is_whole), None)
    if whole is not None:
        return whole
    if all(part.hauliers is None for part in parts):
        return Visibility(districts=frozenset().union(*(part.districts or () for part in parts)))
    if all(part.districts is None for part in parts):
        return Visibility(hauliers=frozenset().union(*(part.hauliers or () for part in parts)))
    return parts[0]


def _texts(claims: Mapping[str, Any], path: ClaimPath) -> Iterator[str]:
    """The texts of a claim that is a text or a list of them; whatever else stands there gives none."""
    value: Any = claims
    for step in [path] if isinstance(path, str) else path:
        value = value.get(step) if isinstance(value, Mapping) else None
    values = value[:_MAX_VALUES] if isinstance(value, list) else [value]
    return (text for text in values if isinstance(text, str) and text)


def _names(claims: Mapping[str, Any], path: ClaimPath) -> Iterator[str]:
    """Those that a district or a fleet could have."""
    return (name for name in _texts(claims, path) if len(name) <= MAX_SHORT_CHARS and unseen_character(name) is None)


def _fixed(limits: Iterator[Limit] | Any) -> set[str]:
    return {name for limit in limits if isinstance(limit, list) for name in limit}
