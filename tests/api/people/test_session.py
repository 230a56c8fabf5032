"""Signing in and out over HTTP, CSRF protection, and what holds before there is an account."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from api.app import create_app
from api.people.sign_in_limits import FAILURES
from api.ports import ApiOptions, ApiParts
from devices.db.database import DatabaseUnavailable
from devices.people.model import Role, Visibility
from rules.alerts.journal import AlertJournal
from tests.api.conftest import SESSION_MS, client_of
from tests.api.fakes import NOW, change
from tests.api.persons import PASSWORD, add_person, signed_in

SESSION = "/api/v1/session"
ALERT = f"/api/v1/alerts/{change().alert_id}"
LI = {"name": "li.wei", "password": PASSWORD}


def problem(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:haulwatch:problem:")


@pytest.fixture
async def desk(parts: ApiParts, journal: AlertJournal) -> AsyncIterator[AsyncClient]:
    """The API with an officer of one district, and an alert."""
    add_person(parts, "li.wei", Role.OFFICER, Visibility(districts=frozenset({"zezhou", "urban"})))
    add_person(parts, "wang", Role.OFFICER)
    journal.record([change()], recorded_at=NOW)
    async with client_of(parts, ApiOptions(version="1", token="write-token-for-tests")) as client:
        yield client


async def test_signing_in_gives_a_cookie_that_no_script_reads_and_who_is_signed_in(desk: AsyncClient) -> None:
    answer = await desk.post(SESSION, json=LI)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    cookie = answer.headers["set-cookie"]
    secret = answer.cookies["haulwatch_session"]
    assert cookie == f"haulwatch_session={secret}; HttpOnly; Path=/; SameSite=strict"
    assert len(secret) >= 40
    body = answer.json()
    assert len(body.pop("csrf_token")) >= 40
    assert body == {
        "name": "li.wei",
        "display_name": "Li.Wei",
        "role": "officer",
        "districts": ["urban", "zezhou"],
        "hauliers": None,
        "language": None,
        "has_password": True,
        "expires_at": "2026-03-01T21:00:00Z",
    }
    assert NOW + SESSION_MS == 1_772_398_800_000  # the same instant
    assert (await desk.get(SESSION)).json() == answer.json()


@pytest.mark.parametrize(
    ("base_url", "headers"),
    [("https://localhost", {}), ("http://localhost", {"X-Forwarded-Proto": "https"})],
)
async def test_over_https_the_cookie_is_secure(parts: ApiParts, base_url: str, headers: dict[str, str]) -> None:
    add_person(parts, "li.wei", Role.VIEWER)
    transport = ASGITransport(create_app(parts, ApiOptions(version="1")))
    async with AsyncClient(transport=transport, base_url=base_url) as client:
        answer = await client.post(SESSION, json=LI, headers=headers)
    assert answer.headers["set-cookie"].endswith("; HttpOnly; Path=/; SameSite=strict; Secure")


async def test_without_a_session_nobody_is_signed_in(desk: AsyncClient) -> None:
    assert problem(await desk.get(SESSION)) == (401, "unauthorized")


@pytest.mark.parametrize(
    "body",
    [{"name": "li.wei", "password": "wrong wrong wrong"}, {"name": "nobody", "password": PASSWORD}],
)
async def test_wrong_credentials_do_not_say_what_is_wrong(desk: AsyncClient, body: dict[str, str]) -> None:
    answer = await desk.post(SESSION, json=body)
    assert problem(answer) == (401, "bad-credentials")
    assert "set-cookie" not in answer.headers
    assert answer.json()["detail"] == "Name and password do not belong together, or the account is disabled."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "li.wei"},
        {**LI, "more": 1},
        {**LI, "name": "li\x00"},
        {**LI, "name": ["li"]},
        {**LI, "password": ""},
    ],
)
async def test_a_faulty_body_is_named_and_not_repeated(desk: AsyncClient, body: dict[str, Any]) -> None:
    answer = await desk.post(SESSION, json=body)
    assert problem(answer) == (422, "invalid")
    assert PASSWORD not in answer.text


async def test_too_many_wrong_passwords_lock_the_name_and_say_for_how_long(desk: AsyncClient) -> None:
    for _ in range(5):
        await desk.post(SESSION, json={**LI, "password": "wrong wrong wrong"})
    answer = await desk.post(SESSION, json=LI)
    assert (problem(answer), answer.headers["retry-after"]) == ((429, "locked-out"), "60")
    assert (await desk.post(SESSION, json={**LI, "name": "wang"})).status_code == 200


def browser_at(app: FastAPI, address: str) -> AsyncClient:
    """A browser somewhere else, at the same server."""
    return AsyncClient(transport=ASGITransport(app, client=(address, 4_711)), base_url="http://localhost")


async def test_a_stranger_locks_himself_out_and_not_the_person(parts: ApiParts) -> None:
    add_person(parts, "li.wei", Role.OFFICER)
    app = create_app(parts, ApiOptions(version="1"))
    async with browser_at(app, "10.0.0.66") as stranger, browser_at(app, "10.0.0.7") as person:
        for _ in range(5):
            assert (await stranger.post(SESSION, json={**LI, "password": "wrong wrong wrong"})).status_code == 401
        assert problem(await stranger.post(SESSION, json=LI)) == (429, "locked-out")
        assert (await person.post(SESSION, json=LI)).status_code == 200


async def test_at_an_address_that_failed_too_often_who_is_signed_in_signs_in_again_and_changes_the_password(
    parts: ApiParts,
) -> None:
    """A stranger behind the same proxy locks name and address; a session is neither."""
    add_person(parts, "li.wei", Role.OFFICER)
    add_person(parts, "wang", Role.OFFICER)
    async with browser_at(create_app(parts, ApiOptions(version="1")), "10.0.0.7") as proxy:
        li, wang = await signed_in(proxy, "li.wei"), await signed_in(proxy, "wang")
        for number in range(FAILURES):
            name = "li.wei" if number < 5 else f"name-{number}"
            await proxy.post(SESSION, json={"name": name, "password": "wrong wrong wrong"})
        assert problem(await proxy.post(SESSION, json=LI)) == (429, "locked-out")
        body = {"old": PASSWORD, "new": "a new long sentence"}
        assert (await proxy.put(f"{SESSION}/password", json=body, headers=wang)).status_code == 204
        again = await proxy.post(SESSION, json=LI, headers=li)
        assert (again.status_code, again.json()["name"]) == (200, "li.wei")


async def test_one_address_may_not_try_one_name_after_the_other(desk: AsyncClient) -> None:
    for number in range(FAILURES):
        answer = await desk.post(SESSION, json={"name": f"name-{number}", "password": PASSWORD})
        assert answer.status_code == 401
    answer = await desk.post(SESSION, json=LI)
    assert problem(answer) == (429, "locked-out")
    assert 1 <= int(answer.headers["retry-after"]) <= 60


async def test_signing_in_rightly_is_not_limited(desk: AsyncClient) -> None:
    for _ in range(FAILURES + 5):
        assert (await desk.post(SESSION, json=LI)).status_code == 200


async def test_signing_in_again_ends_the_earlier_session(desk: AsyncClient) -> None:
    first = await signed_in(desk, "li.wei")
    await desk.post(SESSION, json=LI, headers={"Cookie": first["Cookie"]})
    desk.cookies.clear()
    assert (await desk.get(SESSION, headers=first)).status_code == 401


async def test_signing_out_ends_the_session_and_takes_the_cookie_back(desk: AsyncClient) -> None:
    browser = await signed_in(desk, "li.wei")
    answer = await desk.delete(SESSION, headers=browser)
    assert (answer.status_code, answer.json()) == (200, {"provider_url": None})
    assert 'haulwatch_session=""; ' in answer.headers["set-cookie"]
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert (await desk.get(SESSION, headers=browser)).status_code == 401


@pytest.mark.parametrize("token", [None, "", "wrong", "täuschung"])
@pytest.mark.parametrize(
    ("method", "path"), [("POST", f"{ALERT}/acknowledge"), ("DELETE", SESSION), ("PUT", f"{SESSION}/password")]
)
async def test_a_change_without_the_token_of_the_page_is_refused(
    desk: AsyncClient, journal: AlertJournal, method: str, path: str, token: str | None
) -> None:
    """Another site's page can make the browser send the cookie, but cannot read the token."""
    cookie = (await signed_in(desk, "li.wei"))["Cookie"]
    headers = [(b"cookie", cookie.encode())]
    if token is not None:
        headers.append((b"x-csrf-token", token.encode()))
    answer = await desk.request(method, path, headers=headers, json={})
    assert problem(answer) == (403, "csrf")
    assert (await desk.get(SESSION, headers={"Cookie": cookie})).status_code == 200
    detail = journal.alert(change().alert_id)
    assert detail is not None
    assert detail.actions == ()


async def test_the_token_of_another_session_does_not_count(desk: AsyncClient) -> None:
    li, wang = await signed_in(desk, "li.wei"), await signed_in(desk, "wang")
    answer = await desk.post(f"{ALERT}/acknowledge", json={}, headers={**li, "X-CSRF-Token": wang["X-CSRF-Token"]})
    assert problem(answer) == (403, "csrf")


async def test_an_action_bears_the_name_of_who_is_signed_in(desk: AsyncClient, journal: AlertJournal) -> None:
    browser = await signed_in(desk, "wang")
    for body in ({}, {"actor": "somebody.else"}):
        assert (await desk.post(f"{ALERT}/acknowledge", json=body, headers=browser)).status_code == 200
    token = {"Authorization": "Bearer write-token-for-tests"}
    assert (await desk.post(f"{ALERT}/comment", json={"actor": "zhao", "note": "x"}, headers=token)).status_code == 200
    detail = journal.alert(change().alert_id)
    assert detail is not None
    assert [action.actor for action in detail.actions] == ["wang", "wang", "zhao"]
    refused = await desk.post(f"{ALERT}/comment", json={"note": "x"}, headers=token)
    assert (problem(refused), refused.json()["errors"][0]["field"]) == ((422, "invalid"), "body.actor")


async def test_a_bearer_token_goes_before_a_cookie_and_needs_no_token_of_a_page(desk: AsyncClient) -> None:
    cookie = (await signed_in(desk, "li.wei"))["Cookie"]
    headers = {"Cookie": cookie, "Authorization": "Bearer write-token-for-tests"}
    answer = await desk.post(f"{ALERT}/acknowledge", json={"actor": "zhao"}, headers=headers)
    assert (answer.status_code, answer.json()["alert"]["acknowledged_by"]) == (200, "zhao")
    assert (await desk.get(SESSION, headers={**headers, "Authorization": "Bearer wrong"})).status_code == 401


async def test_a_session_is_over_after_its_time(desk: AsyncClient, parts: ApiParts) -> None:
    browser = await signed_in(desk, "li.wei")
    later = replace(parts, now=lambda: NOW + SESSION_MS)
    async with client_of(later, ApiOptions(version="1")) as client:
        assert (await client.get(SESSION, headers=browser)).status_code == 401
        assert (await client.get("/api/v1/devices", headers=browser)).status_code == 401


async def test_a_password_is_changed_by_who_knows_it(desk: AsyncClient) -> None:
    browser, phone = await signed_in(desk, "wang"), await signed_in(desk, "wang")
    path = f"{SESSION}/password"
    wrong = await desk.put(path, json={"old": "wrong wrong wrong", "new": "a new long sentence"}, headers=browser)
    assert (problem(wrong), wrong.json()["errors"][0]["field"]) == ((422, "invalid"), "body.old")
    weak = await desk.put(path, json={"old": PASSWORD, "new": "short"}, headers=browser)
    assert (problem(weak), weak.json()["errors"][0]["field"]) == ((422, "invalid"), "body.new")
    changed = await desk.put(path, json={"old": PASSWORD, "new": "a new long sentence"}, headers=browser)
    assert (changed.status_code, changed.content) == (204, b"")
    assert (await desk.get(SESSION, headers=browser)).status_code == 200
    assert (await desk.get(SESSION, headers=phone)).status_code == 401
    assert (await desk.post(SESSION, json={"name": "wang", "password": PASSWORD})).status_code == 401
    again = await desk.post(SESSION, json={"name": "wang", "password": "a new long sentence"})
    assert again.status_code == 200


async def test_a_token_has_no_password(desk: AsyncClient) -> None:
    headers = {"Authorization": "Bearer write-token-for-tests"}
    answer = await desk.put(f"{SESSION}/password", json={"old": PASSWORD, "new": PASSWORD}, headers=headers)
    assert problem(answer) == (401, "unauthorized")


async def test_operators_see_the_names_to_assign_to(desk: AsyncClient, parts: ApiParts) -> None:
    add_person(parts, "danhe.boss", Role.VIEWER, Visibility(hauliers=frozenset({"danhe"})))
    add_person(parts, "gaoping", Role.OPERATOR, Visibility(districts=frozenset({"gaoping"})))
    parts.people.accounts.set_enabled("danhe.boss", False)  # type: ignore[attr-defined]
    li = (await desk.get("/api/v1/people", headers=await signed_in(desk, "li.wei"))).json()["items"]
    assert li == [
        {"name": "li.wei", "display_name": "Li.Wei", "role": "officer"},
        {"name": "wang", "display_name": "Wang", "role": "officer"},
    ]
    everybody = (await desk.get("/api/v1/people", headers=await signed_in(desk, "wang"))).json()["items"]
    assert [one["name"] for one in everybody] == ["gaoping", "li.wei", "wang"]


async def test_before_the_first_account_this_machine_reads_without_one(parts: ApiParts) -> None:
    async with client_of(parts, ApiOptions(version="1", token="write-token-for-tests")) as client:
        answer = await client.get(SESSION)
        assert (answer.status_code, answer.json()) == (
            200,
            {
                "name": "anonymous",
                "display_name": "anonymous",
                "role": "viewer",
                "districts": None,
                "hauliers": None,
                "language": None,
                "has_password": False,
                "csrf_token": "",
                "expires_at": None,
            },
        )
        assert (await client.get("/api/v1/devices")).status_code == 200
        assert problem(await client.post(f"{ALERT}/acknowledge", json={})) == (401, "unauthorized")
        add_person(parts, "li.wei", Role.VIEWER)
        assert problem(await client.get(SESSION)) == (401, "unauthorized")
        assert problem(await client.get("/api/v1/devices")) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("client_address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.8.8.8", {"Host": "127.0.0.1:8080"}, 200),
        ("::1", {"Host": "[::1]:8080"}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("10.0.0.7", {}, 401),
        ("fd00::7", {}, 401),
        ("::ffff:10.0.0.7", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "10.0.0.7"}, 401),
        ("127.0.0.1", {"X-Real-IP": "10.0.0.7"}, 401),
        ("127.0.0.1", {"X-Forwarded-Proto": "https"}, 401),
        ("127.0.0.1", {"X-Forwarded-Port": "443"}, 401),
        ("127.0.0.1", {"Via": "1.1 proxy"}, 401),
        ("127.0.0.1", {"Forwarded": "for=10.0.0.7"}, 401),
        ("127.0.0.1", {"Host": "haulwatch.city"}, 401),
        ("127.0.0.1", {"Host": "10.0.0.1"}, 401),
    ],
)
async def test_nothing_is_open_beyond_this_machine(
    parts: ApiParts, client_address: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(parts, ApiOptions(version="1", hosts=("haulwatch.city",)))
    transport = ASGITransport(app, client=(client_address, 4_711))
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in ("/api/v1/devices", "/api/v1/alerts", "/metrics", "/geo/sites.geojson", SESSION):
            assert (await client.get(path, headers=headers)).status_code == status, path


class AccountsAway:
    """A database of accounts that answers until it goes."""

    def __init__(self) -> None:
        self.is_there = False

    def exist(self) -> bool:
        if not self.is_there:
            raise DatabaseUnavailable("postgresql://db.internal refused")
        return False

    def all(self) -> list[Any]:
        return []


async def test_while_the_database_is_away_the_last_answer_holds(parts: ApiParts) -> None:
    away = AccountsAway()
    without = replace(parts, people=replace(parts.people, accounts=away))
    async with client_of(without, ApiOptions(version="1", token="write-token-for-tests")) as client:
        unknown = await client.get("/api/v1/devices")
        assert (unknown.status_code, "db.internal" in unknown.text) == (503, False)
        token = {"Authorization": "Bearer write-token-for-tests"}
        assert (await client.get("/api/v1/devices", headers=token)).status_code == 200
        away.is_there = True
        assert (await client.get("/api/v1/devices")).status_code == 200
        away.is_there = False
        assert (await client.get("/api/v1/devices")).status_code == 200
