"""The mapping of groups to roles: what each combination of groups and claims gives, and which files are refused."""

from pathlib import Path
from typing import Any

import pytest

from devices.people.model import Role, Visibility
from devices.sign_on.mapping import BadMapping, Grant, SignOnMapping, read_mapping

MAPPING = """\
name: preferred_username
groups: [realm_access, roles]
roles:
  - {group: administrators, role: administrator}
  - {group: everybody, role: viewer}
  - {group: zezhou, role: officer, districts: [zezhou]}
  - {group: gaoping, role: officer, districts: [gaoping, urban]}
  - {group: danhe, role: officer, hauliers: [danhe]}
  - {group: by-district, role: operator, districts: claim}
  - {group: by-both, role: viewer, districts: claim, hauliers: claim}
"""


@pytest.fixture
def mapping(tmp_path: Path) -> SignOnMapping:
    return read_mapping(written(tmp_path, MAPPING))


def written(folder: Path, text: str) -> Path:
    file = folder / "mapping.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def of_groups(*groups: Any, **claims: Any) -> dict[str, Any]:
    return {"realm_access": {"roles": list(groups)}, **claims}


def districts(*names: str) -> Visibility:
    return Visibility(districts=frozenset(names))


@pytest.mark.parametrize(
    ("claims", "grant"),
    [
        ({}, None),
        (of_groups(), None),
        (of_groups("others"), None),
        (of_groups("Administrators", "administrators "), None),
        (of_groups("administrators"), Grant(Role.ADMINISTRATOR, Visibility())),
        (of_groups("everybody"), Grant(Role.VIEWER, Visibility())),
        (of_groups("zezhou"), Grant(Role.OFFICER, districts("zezhou"))),
        (of_groups("zezhou", "gaoping"), Grant(Role.OFFICER, districts("zezhou", "gaoping", "urban"))),
        (of_groups("everybody", "zezhou"), Grant(Role.OFFICER, districts("zezhou"))),
        (of_groups("zezhou", "administrators"), Grant(Role.ADMINISTRATOR, Visibility())),
        (of_groups("danhe", "zezhou"), Grant(Role.OFFICER, districts("zezhou"))),
        (of_groups("by-district"), None),
        (of_groups("by-district", districts=[]), None),
        (of_groups("by-district", districts=[7, None, {"a": "b"}]), None),
        (of_groups("by-district", districts="urban"), Grant(Role.OPERATOR, districts("urban"))),
        (of_groups("by-district", districts=["urban", "zezhou"]), Grant(Role.OPERATOR, districts("urban", "zezhou"))),
        (of_groups("by-district", districts=["*"]), Grant(Role.OPERATOR, districts("*"))),
        (of_groups("by-district", districts=["x" * 65, "a\x00b"]), None),
        (of_groups("by-both", districts=["urban"]), None),
        (
            of_groups("by-both", districts=["urban"], hauliers=["danhe"]),
            Grant(Role.VIEWER, Visibility(frozenset({"urban"}), frozenset({"danhe"}))),
        ),
        # Nothing that a claim says is a role or a limit by itself.
        (of_groups("others", role="administrator", roles=["administrator"], districts=["urban"]), None),
        (of_groups("zezhou", districts=["gaoping"], hauliers=["danhe"]), Grant(Role.OFFICER, districts("zezhou"))),
        ({"realm_access": {"roles": "zezhou"}}, Grant(Role.OFFICER, districts("zezhou"))),
        ({"realm_access": "administrators"}, None),
        ({"realm_access": {"roles": {"administrators": True}}}, None),
        ({"roles": ["administrators"], "groups": ["administrators"]}, None),
        (of_groups(["administrators"], {"administrators": 1}, 7, None), None),
    ],
)
def test_claims_choose_among_the_entries_and_add_nothing(
    mapping: SignOnMapping, claims: dict[str, Any], grant: Grant | None
) -> None:
    assert mapping.granted(claims) == grant


def test_the_order_of_groups_does_not_matter(mapping: SignOnMapping) -> None:
    for groups in (("zezhou", "gaoping", "danhe"), ("danhe", "gaoping", "zezhou")):
        assert mapping.granted(of_groups(*groups)) == Grant(Role.OFFICER, districts("zezhou"))


def test_claims_that_are_needed_are_those_that_entries_read(mapping: SignOnMapping, tmp_path: Path) -> None:
    assert mapping.needs() == {"preferred_username", "name", "realm_access", "districts", "hauliers"}
    plain = read_mapping(written(tmp_path, "roles: [{group: a, role: viewer}]"))
    assert plain.needs() == {"preferred_username", "name", "groups"}
    assert mapping.fixed() == ({"zezhou", "gaoping", "urban"}, {"danhe"})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "valid dictionary"),
        ("roles: []", "roles: "),
        ("roles: [{group: a}]", "roles.0.role: "),
        ("roles: [{group: '', role: viewer}]", "roles.0.group: "),
        ("roles: [{group: a, role: root}]", "roles.0.role: "),
        ("roles: [{group: a, role: viewer, distrits: [x]}]", "roles.0.distrits: "),
        ("roles: [{group: a, role: viewer, districts: []}]", "roles.0.districts"),
        ("roles: [{group: a, role: viewer, districts: all}]", "roles.0.districts"),
        ("roles: [{group: a, role: administrator, districts: [x]}]", "sees the whole city"),
        ("roles: [{group: a, role: administrator, hauliers: claim}]", "sees the whole city"),
        ("nam: x\nroles: [{group: a, role: viewer}]", "nam: "),
        ("roles: [", "is no YAML"),
        ("roles: !!python/object/apply:os.system ['true']", "is no YAML"),
    ],
)
def test_a_file_that_could_be_meant_otherwise_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(BadMapping) as refused:
        read_mapping(written(tmp_path, text))
    assert fault in str(refused.value)
    assert "mapping.yaml" in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadMapping, match=r"none\.yaml: No such file"):
        read_mapping(tmp_path / "none.yaml")
