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
