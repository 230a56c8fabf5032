"""Tokens, body sizes, hostile requests, and the problems when a part is unavailable."""

from collections.abc import AsyncIterator

import pytest
from httpx import AsyncClient

from api.ports import ApiOptions, ApiParts
from ingest.store import StoreUnavailable
from rules.alerts.journal import AlertJournal
from tests.api.conftest import client_of
from tests.api.fakes import NOW, FakeHistory, change

ACK = f"/api/v1/alerts/{change().alert_id}/acknowledge"
BODY = {"actor": "li.wei"}


async def test_without_a_configured_token_every_write_is_refused_and_the_setting_is_named(parts: ApiParts) -> None:
    async with client_of(parts, ApiOptions(version="1")) as client:
        answer = await client.post(ACK, json=BODY, headers={"Authorization": "Bearer anything-at-all"})
    assert (answer.status_code, answer.json()["type"]) == (403, "urn:haulwatch:problem:writes-off")
    assert "HAULWATCH_API_TOKEN" in answer.json()["detail"]


@pytest.mark.parametrize(
    "header",
    [
        None,
        "Bearer wrong",
        "Bearer ",
        "Basic d3JpdGU=",
        "write-token-for-tests",
        "Bearer \xff\xfe",
        "Bearer write-token-for-test",
    ],
)
async def test_a_write_without_the_right_token_changes_nothing(
    client: AsyncClient, journal: AlertJournal, header: str | None
) -> None:
    journal.record([change()], recorded_at=NOW)
    headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
    answer = await client.post(ACK, json=BODY, headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="haulwatch"')
    assert answer.headers["content-type"] == "application/problem+json"
    detail = journal.alert(change().alert_id)
    assert detail is not None
    assert detail.actions == ()


async def test_a_read_token_guards_reads_and_cannot_write(parts: ApiParts, journal: AlertJournal) -> None:
    journal.record([change()], recorded_at=NOW)
    options = ApiOptions(version="1", token="the-write-token", read_token="the-read-token")
    async with client_of(parts, options) as client:
        reader, writer = ({"Authorization": f"Bearer the-{kind}-token"} for kind in ("read", "write"))
        for path in (
            "/api/v1/devices",
            "/api/v1/alerts",
            "/api/v1/sites",
            "/api/v1/ledger",
            "/api/v1/deadletters",
            "/metrics",
        ):
            assert (await client.get(path)).status_code == 401, path
            assert (await client.get(path, headers=reader)).status_code == 200, path
            assert (await client.get(path, headers=writer)).status_code == 200, path
        assert (await client.get("/api/v1/alerts/stream")).status_code == 401
        assert (await client.post(ACK, json=BODY, headers=reader)).status_code == 401
        assert (await client.post(ACK, json=BODY, headers=writer)).status_code == 200
        for path in ("/healthz", "/readyz", "/", "/openapi.json"):
            assert (await client.get(path)).status_code == 200, path


def test_tokens_are_not_shown() -> None:
    assert "secret" not in repr(ApiOptions(version="1", token="secret-1", read_token="secret-2"))


async def test_a_large_body_is_refused_with_and_without_content_length(client: AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_024

    for content in (b"x" * 70_000, endless()):
        answer = await client.post(ACK, content=content, headers={"Authorization": "Bearer write-token-for-tests"})
        assert (answer.status_code, answer.json()["type"]) == (413, "urn:haulwatch:problem:too-large")
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "device_id",
    [
        "%00",
        "..%2f..%2fetc%2fpasswd",
        "%27%20OR%201=1--",
        "%3Cscript%3E",
        "truck-1%0d%0aX-Evil:1",
        "%E8%BD%A6",
        "a" * 64,
        "truck-9",
    ],
)
async def test_a_hostile_device_id_is_only_not_found(client: AsyncClient, device_id: str) -> None:
    for path in (f"/api/v1/devices/{device_id}", f"/api/v1/devices/{device_id}/track"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert "x-evil" not in answer.headers


async def test_a_very_long_id_is_refused(client: AsyncClient) -> None:
    assert (await client.get(f"/api/v1/devices/{'a' * 5_000}")).status_code == 422


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/api/v1", 404), ("DELETE", "/api/v1/devices", 405), ("PUT", "/healthz", 405)],
)
async def test_unknown_paths_and_methods_are_problems_too(
    client: AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json()) == {"type", "title", "status", "detail", "instance"}


async def test_broken_json_is_a_problem(client: AsyncClient) -> None:
    headers = {"Authorization": "Bearer write-token-for-tests", "Content-Type": "application/json"}
    for content in (b"{", b"\xff\xfe", b"[" * 20_000, b"null"):
        answer = await client.post(ACK, content=content, headers=headers)
        assert answer.status_code in {400, 422}, content[:10]
        assert answer.headers["content-type"] == "application/problem+json"


async def test_an_unavailable_store_is_a_503_with_retry_after(client: AsyncClient, history: FakeHistory) -> None:
    history.unavailable = StoreUnavailable("http://influx.internal:8086 refused", retry_after=7.4)
    for path in ("latest", "readings/position", "track"):
        answer = await client.get(f"/api/v1/devices/truck-1/{path}")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
        assert "influx.internal" not in answer.text
    history.unavailable = StoreUnavailable("timed out")
    assert (await client.get("/api/v1/devices/truck-1")).headers["retry-after"] == "5"


async def test_an_unavailable_journal_is_a_503(parts_without_journal: ApiParts) -> None:
    options = ApiOptions(version="1", token="write-token-for-tests")
    async with client_of(parts_without_journal, options) as client:
        for path in ("/api/v1/alerts", f"/api/v1/alerts/{change().alert_id}", "/api/v1/alerts/stream"):
            answer = await client.get(path)
            assert (answer.status_code, "retry-after" in answer.headers) == (503, True), path
            assert "postgres" not in answer.text


async def test_an_internal_error_shows_no_internals(client: AsyncClient, history: FakeHistory) -> None:
    history.stored["position"] = [None]  # type: ignore[list-item]
    answer = await client.get("/api/v1/devices/truck-1/latest")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:haulwatch:problem:internal")
    assert "NoneType" not in answer.text
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/api/v1/city", "/openapi.json", "/api/v1/nowhere"])
async def test_head_is_get_without_the_content(client: AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


async def test_head_of_a_stream_does_not_wait_for_its_end(client: AsyncClient) -> None:
    answer = await client.head("/api/v1/alerts/stream")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1:8080", "[::1]:8080", "10.1.2.3", "[fd00::7]"),
        *("haulwatch.city", "Haulwatch.City:443"),
    ],
)
async def test_a_known_name_and_every_address_are_answered(parts: ApiParts, host: str) -> None:
    async with client_of(parts, ApiOptions(version="1", hosts=("haulwatch.city",))) as client:
        assert (await client.get("/healthz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("rebound.example", "rebound.example:8080", "127.0.0.1.rebound.example", "localhost.rebound.example", "[::1"),
        *("localhost@rebound.example", "haulwatch.city.rebound.example", "2130706433.example", "", "a b"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/api/v1/devices", "/geo/sites.geojson"])
async def test_another_host_name_is_refused_on_every_path(parts: ApiParts, host: str, path: str) -> None:
    async with client_of(parts, ApiOptions(version="1", hosts=("haulwatch.city",))) as client:
        answer = await client.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["type"]) == (421, "urn:haulwatch:problem:unknown-host")
    assert "HAULWATCH_API_HOSTS" in answer.json()["detail"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/alerts?text=%00",
        "/api/v1/alerts?assigned_to=li%00wei",
        "/api/v1/audit?actor=li%00",
        "/api/v1/audit?target=%00",
        "/api/v1/deadletters?device=%00",
    ],
)
async def test_a_nul_in_the_query_is_a_fault_of_the_request_and_not_of_the_database(
    client: AsyncClient, path: str
) -> None:
    headers = {"Authorization": "Bearer write-token-for-tests"}
    answer = await client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:haulwatch:problem:invalid")
    assert (await client.get(path.replace("%00", "%2500"), headers=headers)).status_code == 200
