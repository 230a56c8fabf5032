"""Signing on over HTTP: what a browser is sent, what it brings back, and who is signed in then."""

import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from api.app import create_app
from api.people.pending_sign_ons import LIFETIME_S, Attempt, PendingSignOns
from api.people.sign_in_limits import FAILURES
from api.ports import ApiOptions, ApiParts
from devices.db.database import DatabaseUnavailable, open_database
from devices.people.accounts import Accounts
from devices.people.audit import AuditFilter
from devices.people.model import Role
from devices.people.provider_people import ProviderPeople
from devices.sign_on.mapping import SignOnMapping
from devices.sign_on.model import Pending
from devices.sign_on.sign_on import SignOn
from tests.api.conftest import SESSION_MS, client_of
from tests.api.persons import PASSWORD, add_person, signed_in
from tests.closing import closed_later
from tests.devices.sign_on.fake_provider import HOME, ISSUER, LI, FakeProvider
from tests.devices.sign_on.fake_provider import client_of as oidc_client_of

BEGIN: Final = "/api/v1/sign-on/begin"
CALLBACK: Final = "/api/v1/sign-on/callback"
SESSION: Final = "/api/v1/session"
MAPPING: Final = SignOnMapping.model_validate(
    {
        "roles": [
            {"group": "officers", "role": "officer", "districts": ["zezhou"]},
            {"group": "bosses", "role": "administrator"},
        ]
    }
)


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def with_provider(parts: ApiParts, provider: FakeProvider, tmp_path: Path) -> ApiParts:
    """The API's parts, with accounts of a provider in the same database as the others."""
    engine = open_database(f"sqlite:///{tmp_path / 'people.db'}")
    closed_later(Accounts(engine))
    sign_on = SignOn(oidc_client_of(provider), MAPPING, ProviderPeople(engine, SESSION_MS), "统一身份认证")
    return replace(parts, people=replace(parts.people, sign_on=sign_on))


@pytest.fixture
def app(with_provider: ApiParts) -> FastAPI:
    return create_app(with_provider, ApiOptions(version="1", hosts=("haulwatch.city.example",)))


def browser_of(app: FastAPI, address: str = "10.0.0.7") -> AsyncClient:
    """A browser with its own cookies."""
    return AsyncClient(transport=ASGITransport(app, client=(address, 4_711)), base_url=HOME)


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with browser_of(app) as client:
        yield client


async def sent_away(browser: AsyncClient, provider: FakeProvider, path: str = BEGIN) -> dict[str, str]:
    """The query with which the provider sends the browser back."""
    answer = await browser.get(path)
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"].startswith(f"{ISSUER}/auth?")
    return provider.authorise(answer.headers["location"])


async def signed_on(browser: AsyncClient, provider: FakeProvider, path: str = BEGIN) -> Response:
    return await browser.get(CALLBACK, params=await sent_away(browser, provider, path))


def place(answer: Response) -> str:
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def who(browser: AsyncClient) -> str | None:
    answer = await browser.get(SESSION)
    return str(answer.json()["name"]) if answer.status_code == 200 else None


async def test_a_browser_goes_to_the_provider_and_comes_back_signed_in(
    browser: AsyncClient, provider: FakeProvider, with_provider: ApiParts
) -> None:
    answer = await browser.get(BEGIN)
    asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert {name: asked[name] for name in ("response_type", "redirect_uri", "scope", "code_challenge_method")} == {
        "response_type": "code",
        "redirect_uri": f"{HOME}/api/v1/sign-on/callback",
        "scope": "openid profile",
        "code_challenge_method": "S256",
    }
    [cookie] = answer.headers.get_list("set-cookie")
    assert re.fullmatch(
        r"haulwatch_sign_on=\"[\w=-]+\"; HttpOnly; Max-Age=600; Path=/api/v1/sign-on; SameSite=lax; Secure", cookie
    )
    assert asked["nonce"] not in cookie
    back = await browser.get(CALLBACK, params=provider.authorise(answer.headers["location"]))
    assert place(back) == "/"
    [taken, session] = back.headers.get_list("set-cookie")
    assert taken.startswith('haulwatch_sign_on=""; ')
    assert "Max-Age=0" in taken
    assert re.fullmatch(r"haulwatch_session=[\w-]{43}; HttpOnly; Path=/; SameSite=strict; Secure", session)
    assert back.headers["cache-control"] == "no-store"
    shown = (await browser.get(SESSION)).json()
    assert {name: shown[name] for name in ("name", "display_name", "role", "districts", "has_password")} == {
        "name": "li.wei", "display_name": "李伟", "role": "officer", "districts": ["zezhou"], "has_password": False,
    }  # fmt: skip
    [entry] = with_provider.people.audit.entries(AuditFilter(), limit=9)
    assert (entry.actor, entry.address, entry.action, entry.target, entry.status) == (
        "li.wei", "10.0.0.7", "GET /api/v1/sign-on/callback", "new account, officer", 303,
    )  # fmt: skip
    again = await signed_on(browser, provider)
    assert place(again) == "/"
    assert with_provider.people.audit.entries(AuditFilter(), limit=1)[0].target == "officer"


async def test_the_console_learns_whether_there_is_a_provider(browser: AsyncClient, parts: ApiParts) -> None:
    assert (await browser.get("/api/v1/sign-on")).json() == {"provider": {"title": "统一身份认证"}}
    async with client_of(parts, ApiOptions(version="1")) as without:
        assert (await without.get("/api/v1/sign-on")).json() == {"provider": None}
        for path in (BEGIN, CALLBACK):
            assert (await without.get(path)).status_code == 404


async def test_an_answer_is_taken_once(browser: AsyncClient, provider: FakeProvider) -> None:
    answer = await browser.get(BEGIN)
    sealed = answer.cookies["haulwatch_sign_on"]
    query = provider.authorise(answer.headers["location"])
    assert place(await browser.get(CALLBACK, params=query)) == "/"
    browser.cookies.clear()
    asked = len(provider.asked)
    for _ in range(2):
        headers = {"Cookie": f"haulwatch_sign_on={sealed}"}
        replayed = await browser.get(CALLBACK, params=query, headers=headers)
        assert place(replayed) == "/#sign-on=expired"
        assert "haulwatch_session" not in replayed.headers["set-cookie"]
    assert len(provider.asked) == asked, "the code was not shown to the provider again"


async def test_an_answer_belongs_to_the_browser_that_asked(app: FastAPI, provider: FakeProvider) -> None:
    """Else somebody could be signed in as another without knowing it (login CSRF), or lose the code to a thief."""
    async with browser_of(app) as own, browser_of(app) as others:
        query = await sent_away(own, provider)
        await sent_away(others, provider)
        for thief in (others, browser_of(app)):
            assert place(await thief.get(CALLBACK, params=query)) == "/#sign-on=expired"
            assert await who(thief) is None
        assert "/token" not in provider.asked
        assert place(await own.get(CALLBACK, params=query)) == "/"


@pytest.mark.parametrize("change", [{"state": "another"}, {"state": ""}, {"state": None}, {"state": "täuschung"}])
async def test_an_answer_without_the_state_of_the_attempt_is_not_looked_at(
    browser: AsyncClient, provider: FakeProvider, change: dict[str, str | None]
) -> None:
    query = await sent_away(browser, provider) | change
    answer = await browser.get(CALLBACK, params={name: value for name, value in query.items() if value is not None})
    assert place(answer) == "/#sign-on=expired"
    assert "/token" not in provider.asked


@pytest.mark.parametrize("sealed", ["", "x", "gAAAAA", "täuschung", "x" * 4_000])
async def test_a_cookie_that_this_server_did_not_make_is_none(
    app: FastAPI, provider: FakeProvider, sealed: str
) -> None:
    async with browser_of(app) as browser:
        query = await sent_away(browser, provider)
        browser.cookies.clear()
        headers = [(b"cookie", f"haulwatch_sign_on={sealed}".encode())]
        assert place(await browser.get(CALLBACK, params=query, headers=headers)) == "/#sign-on=expired"


def test_an_attempt_is_over_after_ten_minutes_and_good_once() -> None:
    now = [1_000.0]
    attempts = PendingSignOns(lambda: now[0])
    attempt = Attempt(Pending("state", "nonce", "verifier"), "secret", "9f86d081884c7d65")
    sealed = attempts.seal(attempt)
    assert not any(word in sealed for word in ("state", "nonce", "verifier", "secret"))
    now[0] += LIFETIME_S
    assert attempts.open(sealed, "state") == attempt
    assert attempts.open(sealed, "state") is None
    late = attempts.seal(attempt)
    now[0] += LIFETIME_S + 1
    assert attempts.open(late, "state") is None
    assert PendingSignOns(lambda: now[0]).open(attempts.seal(attempt), "state") is None, "another process's"


async def test_mix_up_and_refusals_are_told_and_sign_nobody_in(browser: AsyncClient, provider: FakeProvider) -> None:
    for change, reason in (
        ({"iss": "https://evil.example"}, "invalid"),
        ({"error": "access_denied", "error_description": "<script>"}, "refused"),
        ({"code": "made-up"}, "invalid"),
        ({"code": ""}, "refused"),
    ):
        answer = await browser.get(CALLBACK, params=await sent_away(browser, provider) | change)
        assert place(answer) == f"/#sign-on={reason}"
        assert await who(browser) is None


@pytest.mark.parametrize(
    ("person", "reason"),
    [
        (LI | {"groups": []}, "no-role"),
        (LI | {"groups": ["others"], "role": "administrator"}, "no-role"),
        (LI | {"preferred_username": "李伟"}, "no-name"),
        (LI | {"preferred_username": ""}, "no-name"),
        (LI | {"preferred_username": "anonymous"}, "no-name"),
        (LI | {"preferred_username": "unknown"}, "no-name"),
        (LI | {"preferred_username": "wang"}, "name-taken"),
    ],
)
async def test_who_may_not_is_told_why(
    browser: AsyncClient, provider: FakeProvider, with_provider: ApiParts, person: dict[str, Any], reason: str
) -> None:
    add_person(with_provider, "wang", Role.VIEWER)
    provider.person = provider.userinfo = person
    assert place(await signed_on(browser, provider)) == f"/#sign-on={reason}"
    assert await who(browser) is None
    assert [one.name for one in with_provider.people.accounts.all()] == ["wang"]
    [entry] = with_provider.people.audit.entries(AuditFilter(), limit=9)
    assert (entry.actor, entry.target) == ("wang" if reason == "name-taken" else "unknown", reason)


async def test_a_role_that_is_taken_away_signs_out_at_the_next_attempt_and_a_disabled_account_stays_out(
    app: FastAPI, provider: FakeProvider, with_provider: ApiParts
) -> None:
    async with browser_of(app) as desk, browser_of(app) as phone:
        await signed_on(desk, provider)
        assert await who(desk) == "li.wei"
        provider.person = provider.userinfo = LI | {"groups": []}
        assert place(await signed_on(phone, provider)) == "/#sign-on=no-role"
        assert await who(desk) is None
        provider.person = provider.userinfo = LI
        await signed_on(desk, provider)
        with_provider.people.accounts.set_enabled("li.wei", False)  # type: ignore[attr-defined]
        assert await who(desk) is None
        assert place(await signed_on(desk, provider)) == "/#sign-on=disabled"
        assert await who(desk) is None


async def test_the_session_is_a_new_one_and_the_earlier_one_is_over(
    browser: AsyncClient, provider: FakeProvider, with_provider: ApiParts
) -> None:
    """A browser that comes back from another site sends no cookie that is strict: the attempt has remembered it."""
    add_person(with_provider, "wang", Role.VIEWER)
    earlier = await signed_in(browser, "wang")
    answer = await browser.get(BEGIN, headers={"Cookie": earlier["Cookie"]})
    back = await browser.get(CALLBACK, params=provider.authorise(answer.headers["location"]))
    assert place(back) == "/"
    assert await who(browser) == "li.wei"
    browser.cookies.clear()
    assert (await browser.get(SESSION, headers=earlier)).status_code == 401


async def test_a_cookie_that_is_no_session_does_not_come_along(browser: AsyncClient, provider: FakeProvider) -> None:
    """A browser drops a cookie of more than 4,096 bytes, and then nobody could sign on."""
    for cookie in ("x" * 9_000, "wrong"):
        answer = await browser.get(BEGIN, headers={"Cookie": f"haulwatch_session={cookie}"})
        assert len(answer.headers["set-cookie"]) < 1_000
        assert place(await browser.get(CALLBACK, params=provider.authorise(answer.headers["location"]))) == "/"


@pytest.mark.parametrize(
    "path",
    [
        f"{BEGIN}?alert=https://evil.example",
        f"{BEGIN}?alert=9f86d081884c7d65%0d%0aLocation:%20https://evil.example",
        f"{BEGIN}?alert=//evil.example",
    ],
)
async def test_nobody_is_sent_anywhere_else(browser: AsyncClient, provider: FakeProvider, path: str) -> None:
    assert (await browser.get(path)).status_code == 422
    for more in ({"next": "https://evil.example"}, {"redirect_uri": "https://evil.example"}):
        answer = await browser.get(BEGIN, params=more)
        asked = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
        assert asked["redirect_uri"] == f"{HOME}/api/v1/sign-on/callback"
        query = provider.authorise(answer.headers["location"])
        assert place(await browser.get(CALLBACK, params=query | more)) == "/"


async def test_the_alert_that_was_open_is_open_again(browser: AsyncClient, provider: FakeProvider) -> None:
    answer = await signed_on(browser, provider, f"{BEGIN}?alert=9f86d081884c7d65")
    assert place(answer) == "/#alert=9f86d081884c7d65"


async def test_a_provider_that_is_away_is_said_so_and_passwords_still_work(
    browser: AsyncClient, provider: FakeProvider, with_provider: ApiParts
) -> None:
    add_person(with_provider, "wang", Role.VIEWER)
    provider.is_away = True
    assert place(await browser.get(BEGIN)) == "/#sign-on=away"
    assert await who(browser) is None
    answer = await browser.post(SESSION, json={"name": "wang", "password": PASSWORD})
    assert answer.status_code == 200
    assert await who(browser) == "wang"


async def test_a_provider_that_goes_away_meanwhile_is_said_so(browser: AsyncClient, provider: FakeProvider) -> None:
    query = await sent_away(browser, provider)
    provider.is_away = True
    assert place(await browser.get(CALLBACK, params=query)) == "/#sign-on=away"


async def test_failures_of_one_address_are_bounded_apart_from_those_of_passwords(
    app: FastAPI, provider: FakeProvider, with_provider: ApiParts
) -> None:
    add_person(with_provider, "wang", Role.VIEWER)
    async with browser_of(app, "10.0.0.66") as stranger, browser_of(app) as person:
        begun_before = await sent_away(stranger, provider)
        sealed = {"Cookie": f"haulwatch_sign_on={stranger.cookies['haulwatch_sign_on']}"}
        for _ in range(FAILURES):
            query = await sent_away(stranger, provider)
            assert place(await stranger.get(CALLBACK, params=query | {"code": "made-up"})) == "/#sign-on=invalid"
        assert place(await stranger.get(CALLBACK, params=begun_before, headers=sealed)) == "/#sign-on=busy"
        entries = with_provider.people.audit.entries(AuditFilter(), limit=99)
        assert [one.target for one in entries] == ["invalid"] * FAILURES, "none of what is beyond the limit"
        assert place(await stranger.get(BEGIN)) == "/#sign-on=busy"
        assert (await stranger.post(SESSION, json={"name": "wang", "password": PASSWORD})).status_code == 200
        assert place(await signed_on(person, provider)) == "/"


async def test_who_comes_without_an_attempt_fills_no_audit_trail_and_locks_nobody_out(
    app: FastAPI, provider: FakeProvider, with_provider: ApiParts, caplog: pytest.LogCaptureFixture
) -> None:
    async with browser_of(app) as page, browser_of(app) as person:
        query = await sent_away(person, provider)
        caplog.set_level(logging.INFO)
        for path in [CALLBACK, f"{CALLBACK}?state=x&code=y"] * FAILURES:
            assert place(await page.get(path)) == "/#sign-on=expired"
        assert not [one for one in caplog.records if one.name.startswith("api")]
        assert with_provider.people.audit.entries(AuditFilter(), limit=9) == []
        assert place(await person.get(CALLBACK, params=query)) == "/"


async def test_signing_out_goes_to_the_provider_for_who_came_from_there(
    browser: AsyncClient, provider: FakeProvider, with_provider: ApiParts
) -> None:
    await signed_on(browser, provider)
    csrf = (await browser.get(SESSION)).json()["csrf_token"]
    answer = await browser.delete(SESSION, headers={"X-CSRF-Token": csrf})
    url = urlsplit(answer.json()["provider_url"])
    query = dict(parse_qsl(url.query))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{ISSUER}/end"
    assert query["post_logout_redirect_uri"] == f"{HOME}/"
    assert query["id_token_hint"].count(".") == 2
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert await who(browser) is None
    add_person(with_provider, "wang", Role.VIEWER)
    wang = await signed_in(browser, "wang")
    assert (await browser.delete(SESSION, headers=wang)).json() == {"provider_url": None}


async def test_signing_out_works_while_the_provider_is_away(browser: AsyncClient, provider: FakeProvider) -> None:
    await signed_on(browser, provider)
    csrf = (await browser.get(SESSION)).json()["csrf_token"]
    provider.is_away = True
    answer = await browser.delete(SESSION, headers={"X-CSRF-Token": csrf})
    assert answer.status_code == 200
    assert await who(browser) is None


async def test_who_comes_from_the_provider_has_no_password_to_change(
    browser: AsyncClient, provider: FakeProvider
) -> None:
    await signed_on(browser, provider)
    csrf = (await browser.get(SESSION)).json()["csrf_token"]
    body = {"old": "", "new": "four words of another"}
    for old in ("x", "four words of a sentence"):
        answer = await browser.put(f"{SESSION}/password", json=body | {"old": old}, headers={"X-CSRF-Token": csrf})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "body.old")


async def test_without_the_entry_in_the_audit_trail_nobody_is_signed_in(
    browser: AsyncClient, provider: FakeProvider, with_provider: ApiParts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise DatabaseUnavailable("away")

    query = await sent_away(browser, provider)
    monkeypatch.setattr(with_provider.people.audit, "add", away)
    answer = await browser.get(CALLBACK, params=query)
    assert answer.status_code == 503
    assert "haulwatch_session" not in browser.cookies
