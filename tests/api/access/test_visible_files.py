"""Photos and documents are seen by whoever sees their alert or case, and by nobody else."""

import pytest
from httpx import AsyncClient

from rules.attachments.model import Owner, OwnerKind
from rules.attachments.store import AttachmentStore
from tests.api.access.divided import (
    LIMITS,
    OTHER,
    OWN,
    alert_of,
)
from tests.api.persons import signed_in
from tests.rules.attachments.pictures import photo


@pytest.mark.parametrize("name", LIMITS)
async def test_files_are_seen_with_their_alert(client: AsyncClient, attachments: AttachmentStore, name: str) -> None:
    headers = await signed_in(client, name)
    for truck in (OWN, OTHER):
        is_own = truck == OWN
        for owner, own, listed in (
            (Owner(OwnerKind.ALERT, alert_of(truck).alert_id), alert_of(OWN).alert_id, "alerts"),
            (Owner(OwnerKind.CASE, f"2026-{2 - is_own:06}"), "2026-000001", "cases"),
        ):
            [one] = attachments.attachments(owner)
            for place in (f"{listed}/{owner.id}/attachments", f"{listed}/{own}/attachments"):
                for path in (f"{place}/{one.id}", f"{place}/{one.id}/thumbnail"):
                    answer = await client.get(f"/api/v1/{path}", headers=headers)
                    assert answer.status_code == (200 if is_own else 404), path
            place, body = f"/api/v1/{listed}/{owner.id}/attachments", {"reason": "x"}
            removed = await client.post(f"{place}/{one.id}/remove", json=body, headers=headers)
            sent = await client.post(f"{place}?name=a.jpg", content=photo("PNG"), headers=headers)
            assert (removed.status_code, sent.status_code) == ((200, 201) if is_own else (404, 404))
            assert len(attachments.attachments(owner)) == (2 if is_own else 1)
