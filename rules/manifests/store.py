"""Manifests as the desk keeps them: people's actions come in, each with its record for the raw log in one transaction.

What judgement has not taken yet is counted in: the same state machine says what follows from it, and refuses what the
state does not allow.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, tuple_, update

from devices.city.model import City
from devices.db.database import transaction
from devices.db.page_cursor import cursor_of, read_cursor
from devices.db.turns import wait_for_turn
from devices.readings.manifests import ManifestDeed, ManifestTerms
from devices.readings.models import ManifestAction
from rules.manifests import machine
from rules.manifests.checks import checked, terminal_of
from rules.manifests.document import (
    LoadBudget,
    ManifestDetail,
    ManifestDocument,
    ManifestFilter,
    ManifestPage,
    ManifestRefused,
    ManifestRequest,
    OutdatedManifest,
    UnknownManifest,
    WrongState,
    detail_of,
)
from rules.manifests.machine import Event, Refused
from rules.manifests.model import FINAL, Manifest, Trigger
from rules.manifests.present import action_of_row, detail_in, present_of, present_one, row_of, view_of
from rules.manifests.tables import manifest, manifest_action, manifest_state

MAX_OPEN: Final = 16
"""Open manifests of one vehicle: a day's trips may be issued in the morning."""
OWN_NUMBER: Final = re.compile(r"[0-9]{8}-.{6}\Z")
"""The form of the numbers that the platform gives: the day, and six characters, of which it counts up digits."""
_NUMBER: Final = ".{1,64}"
_DAY_MS: Final = 86_400_000
_CLOCK: Final = "haulwatch"
_LOCK: Final = 4_827_309
"""Of writers of manifests (`devices.db.turns`)."""

OverdueAt = Callable[[ManifestTerms, str], int]
"""When a manifest with these terms, of this device, is overdue: ms since 1970 UTC."""


class Waiting(NamedTuple):
    """An action that is not in the raw log yet."""

    no: int
    action: ManifestAction


class ManifestStore:
    """Every method raises DatabaseUnavailable or DatabaseMisconfigured when the database fails."""

    def __init__(
        self,
        engine: Engine,
        city: Callable[[], City],
        overdue_at: OverdueAt,
        budget: Callable[[str], LoadBudget] = lambda stream: LoadBudget(),
    ) -> None:
        """`city`, `overdue_at` and `budget`, that of a stream, are asked at each change."""
        self._engine, self._city, self._overdue_at, self._budget = engine, city, overdue_at, budget

    def close(self) -> None:
        self._engine.dispose()

    def issue(self, document: ManifestDocument, actor: str, at: int, number: str | None = None) -> ManifestDetail:
        """Issue a draft; `number`: that of another system. Raises ManifestRefused."""
        if number is not None and OWN_NUMBER.match(number):
            raise ManifestRefused("number", "the platform numbers like this itself: give one of another form, or none")
        city = self._city()
        document, device = self._with_budget(checked(document, city)), terminal_of(document, city, at)
        terms = document.terms()
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            if len(_open_of(connection, device.id)) >= MAX_OPEN:
                raise ManifestRefused("vehicle_id", f"it has {MAX_OPEN} open manifests: close or void some first")
            number = _new_number(connection, at) if number is None else number
            if row_of(connection, number) is not None:
                raise ManifestRefused("number", "another manifest has it: give another one, or none")
            connection.execute(
                insert(manifest).values(
                    number=number,
                    code=secrets.token_urlsafe(12),
                    vehicle_id=document.vehicle_id,
                    device_id=device.id,
                    version=1,
                    source_id=document.source_id,
                    destination_id=document.destination_id,
                    issued_at=at,
                    issued_by=actor,
                    check_at=self._overdue_at(terms, device.id),
                    document=document.model_dump(mode="json"),
                )
            )
            detail = {"document": document.model_dump(mode="json")}
            _add_action(connection, number, ManifestDeed.ISSUE, actor, at, "", detail)
            return detail_in(connection, number)

    def act(self, number: str, request: ManifestRequest) -> ManifestDetail:
        """Do something with a manifest. Raises UnknownManifest, OutdatedManifest, WrongState, ManifestRefused."""
        city = self._city()
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            row = row_of(connection, number)
            if row is None:
                raise UnknownManifest(f"no manifest {number!r}")
            if request.version != row["version"]:
                raise OutdatedManifest(
                    f"manifest {number} was changed meanwhile: it is version {row['version']}, not {request.version}."
                    " Read it again"
                )
            before = present_one(connection, row).manifest
            document = _document_after(request, ManifestDocument.model_validate(row["document"]), city)
            if request.document is not None:
                document = self._with_budget(document)
            request = _with_document(request, document)
            after = _stepped(before, request)
            detail = detail_of(request)
            _add_action(connection, number, request.deed, request.actor, request.at, request.reason, detail)
            connection.execute(
                update(manifest)
                .where(manifest.c.number == number)
                .values(
                    version=row["version"] + 1,
                    destination_id=after.terms.destination,
                    check_at=self._check_at(row, before, after),
                    document=document.model_dump(mode="json"),
                )
            )
            return detail_in(connection, number)

    def manifest(self, number: str) -> ManifestDetail | None:
        """One manifest with its transitions; None when there is none with this number."""
        with transaction(self._engine) as connection:
            return None if row_of(connection, number) is None else detail_in(connection, number)

    def number_of_code(self, code: str) -> str | None:
        """The number of the manifest to which a short link leads."""
        with transaction(self._engine) as connection:
            return connection.execute(select(manifest.c.number).where(manifest.c.code == code)).scalar()

    def manifests(self, where: ManifestFilter, *, limit: int, before: str | None = None) -> ManifestPage:
        """A page of manifests, newest first. Raises InvalidCursor."""
        query = select(manifest).order_by(manifest.c.issued_at.desc(), manifest.c.number.desc()).limit(limit + 1)
        for condition in _conditions(where):
            query = query.where(condition)
        if before is not None:
            read = read_cursor(before, _NUMBER, "these manifests")
            query = query.where(tuple_(manifest.c.issued_at, manifest.c.number) < tuple_(*read))
        with transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
            present = present_of(connection, rows)
            found = [view_of(row, present[row["number"]]) for row in rows]
        last = found[limit - 1] if len(found) > limit else None
        next_cursor = None if last is None else cursor_of(last.issued_at, last.number)
        return ManifestPage(items=tuple(found[:limit]), next_cursor=next_cursor)

    def check_due(self, now: int) -> int:
        """Let the clock act on manifests that should have arrived by now; return how many there are."""
        query = select(manifest.c.number, manifest.c.check_at).where(manifest.c.check_at <= now).limit(500)
        with transaction(self._engine) as connection:
            if connection.execute(query).first() is None:
                return 0
        with transaction(self._engine) as connection:
            _wait_for_turn(connection)
            due = connection.execute(query.order_by(manifest.c.check_at)).all()
            acted = _last_actions(connection, [number for number, _ in due])
            for number, check_at in due:  # judgement takes it after what made it due
                _add_action(connection, number, ManifestDeed.CHECK, _CLOCK, max(check_at, acted[number]), "", {})
                connection.execute(update(manifest).where(manifest.c.number == number).values(check_at=None))
        return len(due)

    def waiting(self, limit: int) -> list[Waiting]:
        """Actions that are not in the raw log yet, oldest first."""
        query = (
            select(manifest_action, manifest.c.device_id)
            .join(manifest, manifest.c.number == manifest_action.c.number)
            .where(~manifest_action.c.appended)
            .order_by(manifest_action.c.no)
            .limit(limit)
        )
        with transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [Waiting(row["no"], action_of_row(row, row["device_id"])) for row in rows]

    def mark_appended(self, numbers: Sequence[int]) -> None:
        """Note that these actions are in the raw log."""
        with transaction(self._engine) as connection:
            connection.execute(update(manifest_action).where(manifest_action.c.no.in_(numbers)).values(appended=True))

    def _with_budget(self, document: ManifestDocument) -> ManifestDocument:
        return document.model_copy(update={"budget": self._budget(document.stream)})

    def _check_at(self, row: RowMapping, before: Manifest, after: Manifest) -> int | None:
        """When it is found overdue by its terms as they are now; as before while they are the same."""
        same = before.terms.arrive_by == after.terms.arrive_by and before.terms.depart_at == after.terms.depart_at
        return row["check_at"] if same else self._overdue_at(after.terms, row["device_id"])


def _wait_for_turn(connection: Connection) -> None:
    """Let writers write one after the other; the first statement of a transaction."""
    wait_for_turn(connection, _LOCK, manifest)


def _open_of(connection: Connection, device_id: str) -> list[str]:
    """Numbers of the manifests of a device that judgement has not seen closed or void."""
    closed = select(manifest_state.c.number).where(
        manifest_state.c.device_id == device_id, manifest_state.c.state.in_([state.value for state in FINAL])
    )
    query = select(manifest.c.number).where(manifest.c.device_id == device_id, manifest.c.number.not_in(closed))
    return list(connection.execute(query.limit(MAX_OPEN)).scalars())


def _last_actions(connection: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """When somebody acted last on each of these manifests."""
    query = select(manifest_action.c.number, func.max(manifest_action.c.at)).group_by(manifest_action.c.number)
    rows = connection.execute(query.where(manifest_action.c.number.in_(numbers)))
    return {row[0]: row[1] for row in rows}


def _new_number(connection: Connection, at: int) -> str:
    """The day in UTC and a serial number in it. Nobody else gives numbers of this form (`OWN_NUMBER`)."""
    day, begins = datetime.fromtimestamp(at / 1000, UTC).strftime("%Y%m%d"), at - at % _DAY_MS
    newest = select(func.max(manifest.c.number)).where(
        manifest.c.issued_at >= begins,  # by its index
        manifest.c.issued_at < begins + _DAY_MS,
        manifest.c.number.like(f"{day}-______"),
    )
    last = connection.execute(newest).scalar()
    return f"{day}-{(int(last[9:]) if last else 0) + 1:06}"


def _add_action(
    connection: Connection, number: str, deed: ManifestDeed, actor: str, at: int, reason: str, detail: dict[str, Any]
) -> None:
    row = {"number": number, "at": at, "actor": actor, "deed": deed.value, "reason": reason, "detail": detail}
    connection.execute(insert(manifest_action).values(row | {"appended": False}))


def _document_after(request: ManifestRequest, former: ManifestDocument, city: City) -> ManifestDocument:
    """What stands on the manifest after the action. Raises ManifestRefused."""
    if request.deed is ManifestDeed.CORRECT and request.document is not None:
        corrected = checked(request.document, city)
        if corrected.vehicle_id != former.vehicle_id:
            raise ManifestRefused("vehicle_id", "a manifest belongs to one vehicle: void it, and issue another one")
        return corrected
    if request.deed is ManifestDeed.REROUTE and request.destination_id is not None:
        site = city.sites.get(request.destination_id)
        if site is None or not city.may_tip(former.vehicle_id, site, request.at):
            raise ManifestRefused("destination_id", "name a registered site where this vehicle may tip")
        return former.model_copy(update={"destination_id": site.id})
    return former


def _with_document(request: ManifestRequest, document: ManifestDocument) -> ManifestRequest:
    """The request with the document as it was checked."""
    if request.document is None:
        return request
    return ManifestRequest(
        request.deed, request.actor, request.at, request.version, request.reason, request.destination_id,
        request.net_kg, document,
    )  # fmt: skip


_NEXT_NO: Final = 1 << 53
"""Stands for the number of an action that has none yet."""


def _stepped(before: Manifest, request: ManifestRequest) -> Manifest:
    """The manifest after the action. Raises WrongState."""
    event = Event(
        trigger=Trigger(request.deed.value),
        at=request.at,
        actor=request.actor,
        no=_NEXT_NO,
        reason=request.reason,
        terms=None if request.document is None else request.document.terms(),
        destination=request.destination_id,
        net_kg=request.net_kg,
    )
    try:
        return machine.step(before, event)
    except Refused as exc:
        raise WrongState(f"manifest {before.number}: {exc}") from exc


def _conditions(where: ManifestFilter) -> list[Any]:
    found: list[Any] = [
        manifest.c[name] == value
        for name in ("vehicle_id", "source_id", "destination_id")
        if (value := getattr(where, name)) is not None
    ]
    if where.vehicle_ids is not None:
        found.append(manifest.c.vehicle_id.in_(sorted(where.vehicle_ids)))
    if where.device_ids is not None:
        found.append(manifest.c.device_id.in_(sorted(where.device_ids)))
    if where.state is not None:
        judged = select(manifest_state.c.number).where(manifest_state.c.state == where.state.value)
        found.append(manifest.c.number.in_(judged))
    if where.start is not None:
        found.append(manifest.c.issued_at >= where.start)
    if where.end is not None:
        found.append(manifest.c.issued_at < where.end)
    return found
