"""`/rules` and `/rule-sets`: what holds, what was applied, and applying another."""

from typing import Any

from httpx import AsyncClient, Response

from api.ports import ApiOptions, ApiParts
from rules.catalogue import rule_names
from rules.rule_sets.shipped import checked
from tests.api.conftest import client_of

TOKEN = {"Authorization": "Bearer write-token-for-tests"}
NEW = {"content": "speeding: {limit_kmh: 90}\n", "actor": "li.wei", "reason": "泽州路限速"}


async def applied(client: AsyncClient, **changed: Any) -> Response:
    return await client.post("/api/v1/rule-sets", json=NEW | changed, headers=TOKEN)


async def test_all_rules_are_listed_with_what_their_parameters_mean(client: AsyncClient) -> None:
    body = (await client.get("/api/v1/rules")).json()
    assert body["version"] == 0
    assert [rule["rule"] for rule in body["rules"]] == list(rule_names())
    assert all(rule["title"]["en"] and rule["title"]["zh"] for rule in body["rules"])
    unexplained = [
        f"{rule['rule']}.{parameter['name']}"
        for rule in body["rules"]
        for parameter in rule["parameters"]
        if not parameter["meaning"]
    ]
    assert unexplained == []


async def test_a_device_has_the_rules_of_its_scope_at_an_hour(parts: ApiParts) -> None:
    text = b"""
speeding: off
exceptions:
  - {where: {district: nowhere}, rules: {speeding: on}}
  - {where: {hours: "22:00-06:00"}, rules: {stopped_loaded: {hold_s: 300}}}
"""
    choice = checked(text, "content", 7)
    async with client_of(ApiParts(**{**vars(parts), "rules": lambda: choice}), ApiOptions(version="1")) as client:
        day = (await client.get("/api/v1/rules", params={"device_id": "truck-1"})).json()
        night = (await client.get("/api/v1/rules", params={"device_id": "truck-1", "at": "23:10"})).json()
        assert (await client.get("/api/v1/rules", params={"device_id": "nobody"})).status_code == 404
        assert (await client.get("/api/v1/rules", params={"at": "25:00"})).status_code == 422
    on = {rule["rule"]: rule["on"] for rule in day["rules"]}
    assert (day["version"], on["speeding"], on["stopped_loaded"]) == (7, False, True)
    assert [_value(body, "stopped_loaded", "hold_s") for body in (day, night)] == [600, 300]


async def test_a_rule_set_is_applied_and_stays_in_the_history(client: AsyncClient) -> None:
    answer = await applied(client)
    assert answer.status_code == 201
    body = answer.json()
    assert (body["version"], body["applied_by"], body["reason"]) == (1, "li.wei", "泽州路限速")
    assert body["changed"] == [
        {"where": "", "rule": "speeding", "parameter": "limit_kmh", "before": 100.0, "after": 90.0}
    ]
    assert (await applied(client, content="speeding: off\n")).json()["version"] == 2
    history = (await client.get("/api/v1/rule-sets")).json()
    assert [one["version"] for one in history] == [2, 1]
    assert (await client.get("/api/v1/rule-sets/1")).json()["content"] == NEW["content"]
    assert (await client.get("/api/v1/rule-sets/3")).status_code == 404


async def test_faults_are_named_all_at_once_and_nothing_is_applied(client: AsyncClient) -> None:
    answer = await applied(client, content="speding: {}\nbin_overflow: {full: 3}\n")
    assert answer.status_code == 422
    assert [fault["hint"] for fault in answer.json()["errors"]] == [
        "content:1: speding: no such rule: did you mean 'speeding'?",
        "content:2: bin_overflow.full: no such parameter: did you mean 'full_pct'?",
    ]
    assert (await client.get("/api/v1/rule-sets")).json() == []


async def test_nobody_overwrites_what_they_have_not_seen(client: AsyncClient) -> None:
    assert (await applied(client, after=0)).status_code == 201
    stale = await applied(client, content="speeding: off\n", after=0)
    assert (stale.status_code, stale.json()["type"]) == (409, "urn:haulwatch:problem:outdated")
    assert (await applied(client)).status_code == 409, "the same content again"
    assert (await applied(client, content="speeding: off\n", after=1)).status_code == 201


async def test_only_a_writer_applies(client: AsyncClient) -> None:
    assert (await client.post("/api/v1/rule-sets", json=NEW)).status_code == 401
    assert (await applied(client, reason="")).status_code == 422
    assert (await applied(client, actor="")).status_code == 422


def _value(body: dict[str, Any], rule: str, parameter: str) -> object:
    [found] = [one for one in body["rules"] if one["rule"] == rule]
    return {one["name"]: one["value"] for one in found["parameters"]}[parameter]


async def test_what_holds_says_who_applied_it_and_where_it_holds_otherwise(
    client: AsyncClient, parts: ApiParts
) -> None:
    shipped = (await client.get("/api/v1/rules")).json()
    assert shipped["applied"] is None
    assert {exception["shipped"] for exception in shipped["exceptions"]} == {True}
    content = """
exceptions:
  - {where: {district: zezhou, hours: "22:00-06:00"}, why: 夜间施工, rules: {stopped_loaded: {hold_s: 300}}}
"""
    await applied(client, content=content)
    choice = checked(content.encode(), "content", 1)
    async with client_of(ApiParts(**{**vars(parts), "rules": lambda: choice}), ApiOptions(version="1")) as again:
        body = (await again.get("/api/v1/rules")).json()
    assert (body["version"], body["applied"]["applied_by"], body["applied"]["reason"]) == (1, "li.wei", "泽州路限速")
    assert body["exceptions"][-1] == {
        "where": "district zezhou, 22:00-06:00",
        "values": [{"rule": "stopped_loaded", "parameter": "hold_s", "value": 300}],
        "why": "夜间施工",
        "shipped": False,
    }


async def test_two_versions_are_compared(client: AsyncClient) -> None:
    await applied(client, content="speeding: {limit_kmh: 90}\n")
    await applied(client, content="speeding: {limit_kmh: 80}\nstation_backlog: off\n")
    path = "/api/v1/rule-sets/2/differences"
    assert (await client.get(path, params={"since": 1})).json() == [
        {"where": "", "rule": "speeding", "parameter": "limit_kmh", "before": 90.0, "after": 80.0},
        {"where": "", "rule": "station_backlog", "parameter": "on", "before": True, "after": False},
    ]
    shipped = (await client.get(path, params={"since": 0})).json()
    assert [(one["rule"], one["before"]) for one in shipped] == [("speeding", 100.0), ("station_backlog", True)]
    assert (await client.get(path, params={"since": 9})).status_code == 404
    assert (await client.get("/api/v1/rule-sets/9/differences", params={"since": 1})).status_code == 404
    assert (await client.get(path)).status_code == 422


async def test_a_check_names_line_key_and_hint_of_each_fault_and_keeps_nothing(client: AsyncClient) -> None:
    async def check(content: str) -> Any:
        answer = await client.post("/api/v1/rule-sets/check", json={"content": content}, headers=TOKEN)
        assert answer.status_code == 200
        return answer.json()

    found = await check("speeding: {limit_kmh: 90}\nspeding: {}\nbin_overflow:\n  full_pct: many\n")
    assert [(one["line"], one["key"]) for one in found["faults"]] == [(2, "speding"), (4, "bin_overflow.full_pct")]
    assert found["faults"][0]["hint"] == "no such rule: did you mean 'speeding'?"
    assert found["changed"] == []
    broken = await check("speeding:\n  - [\n")
    assert [one["line"] for one in broken["faults"]] == [3]
    together = await check("route_deviation: {leave_m: 50, enter_m: 40}\n")
    assert {(one["line"], one["key"]) for one in together["faults"]} == {(None, "route_deviation")}
    good = await check("speeding: {limit_kmh: 90}\nexceptions:\n- {where: {district: zezou}, rules: {speeding: off}}\n")
    assert good["faults"] == []
    assert [one["after"] for one in good["changed"]] == [90.0, False]
    assert "zezhou" in good["unknown_places"][0]
    assert (await client.get("/api/v1/rule-sets")).json() == []
