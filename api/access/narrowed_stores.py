"""The stores behind the API as somebody sees them who may see some devices only. Each stands for the port it wraps."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from api.ports import Commands, DeadLetterBox, Journal, Sees, Shelves, SuspectedSites
from devices.commands.model import Command
from devices.commands.store import CommandPage
from devices.readings.refusals import Reason
from ingest.ledger.dead_letters import DeadLetter, NoSuchLetter, Redriven
from rules.alerts.actions import (
    ActionEntry,
    AlertAction,
    AlertDetail,
    AlertFilter,
    AlertPage,
    JournalEntry,
    JournalPosition,
    UnknownAlert,
)
from rules.alerts.shelves import NewShelf, Shelf, ShelfRefused, UnknownShelf
from rules.suspected_sites.model import Decision, Proposal, ProposalState, UnknownProposal

_MAX_SHELVES = 1_000

DeviceIds = Callable[[], Collection[str]]
"""Ids of the devices that may be seen."""


class NarrowedJournal:
    """Alerts whose subject may be seen."""

    def __init__(self, journal: Journal, device_ids: DeviceIds) -> None:
        self._journal, self._device_ids = journal, device_ids

    def last_position(self) -> JournalPosition:
        return self._journal.last_position()

    def changes_after(self, sequence: int, limit: int) -> list[JournalEntry]:
        """May be shorter than `limit` although more follow."""
        seen = self._device_ids()
        return [entry for entry in self._journal.changes_after(sequence, limit) if entry.change.subject in seen]

    def actions_after(self, sequence: int, limit: int) -> list[ActionEntry]:
        """May be shorter than `limit` although more follow."""
        seen = self._device_ids()
        return [entry for entry in self._journal.actions_after(sequence, limit) if entry.subject in seen]

    def alerts(self, where: AlertFilter, *, limit: int, before: str | None = None) -> AlertPage:
        seen = frozenset(self._device_ids())
        wanted = seen if where.subjects is None else seen & where.subjects
        return self._journal.alerts(replace(where, subjects=wanted), limit=limit, before=before)

    def open_alerts(self) -> Mapping[tuple[str, str], int]:
        raise NotImplementedError("open alerts are counted for the whole city only")

    def alert(self, alert_id: str) -> AlertDetail | None:
        detail = self._journal.alert(alert_id)
        return None if detail is None or detail.alert.subject not in self._device_ids() else detail

    def act(self, alert_id: str, action: AlertAction) -> AlertDetail:
        if self.alert(alert_id) is None:
            raise UnknownAlert(f"no alert {alert_id!r}")
        return self._journal.act(alert_id, action)


class NarrowedShelves:
    """Shelves of devices that may be seen, and those of a rule for every device, which nobody here may set or end."""

    def __init__(self, shelves: Shelves, sees: Sees) -> None:
        self._shelves, self._sees = shelves, sees

    def standing_after(self, instant: int) -> list[Shelf]:
        return self._seen(self._shelves.standing_after(instant))

    def newest(self, limit: int) -> list[Shelf]:
        return self._seen(self._shelves.newest(_MAX_SHELVES))[:limit]

    def add(self, new: NewShelf) -> Shelf:
        if new.subject is None or not self._sees(new.subject):
            raise ShelfRefused("subject", "name a device: a shelf for every device concerns more than you may see")
        return self._shelves.add(new)

    def end(self, number: int, ended_by: str, ended_at: int) -> Shelf:
        found = (shelf for shelf in self._shelves.newest(_MAX_SHELVES) if shelf.no == number)
        if not any(shelf.subject is not None and self._sees(shelf.subject) for shelf in found):
            raise UnknownShelf(f"no shelf {number} of a device that you may see")
        return self._shelves.end(number, ended_by, ended_at)

    def _seen(self, shelves: Sequence[Shelf]) -> list[Shelf]:
        return [shelf for shelf in shelves if shelf.subject is None or self._sees(shelf.subject)]


class NarrowedCommands:
    """Commands to devices that may be seen."""

    def __init__(self, commands: Commands, sees: Sees) -> None:
        self._commands, self._sees = commands, sees

    def issue(self, command: Command) -> None:
        if not self._sees(command.device_id):
            raise LookupError(f"{command.device_id} may not be seen by who commands it")
        self._commands.issue(command)

    def command(self, command_id: str) -> Command | None:
        command = self._commands.command(command_id)
        return None if command is None or not self._sees(command.device_id) else command

    def commands(self, device_id: str | None = None, *, limit: int, before: str | None = None) -> CommandPage:
        page = self._commands.commands(device_id, limit=limit, before=before)
        return page._replace(items=[command for command in page.items if self._sees(command.device_id)])


class NarrowedDeadLetters:
    """Dead letters of devices that may be seen; those without a registered device are not among them."""

    def __init__(
        self,
        letters: DeadLetterBox,
        device_ids: DeviceIds,
        redrive: Callable[[int], int],
        redrive_all: Callable[[Sequence[int]], Mapping[int, Redriven]],
    ) -> None:
        self._letters, self._device_ids = letters, device_ids
        self._redrive, self._redrive_all = redrive, redrive_all

    def list(  # noqa: PLR0913 - one filter each
        self,
        *,
        device: str | None = None,
        devices: Collection[str] | None = None,
        reason: Reason | None = None,
        since: int | None = None,
        until: int | None = None,
        redriven: bool = False,
        after_id: int = 0,
        limit: int = 100,
    ) -> "list[DeadLetter]":
        return self._letters.list(
            device=device,
            devices=self._device_ids() if devices is None else set(devices) & set(self._device_ids()),
            reason=reason,
            since=since,
            until=until,
            redriven=redriven,
            after_id=after_id,
            limit=limit,
        )

    def show(self, letter_id: int) -> DeadLetter:
        letter = self._letters.show(letter_id)
        if letter.device not in self._device_ids():
            raise NoSuchLetter(f"there is no dead letter {letter_id}")
        return letter

    def payload(self, letter_id: int) -> bytes:
        self.show(letter_id)
        return self._letters.payload(letter_id)

    def redrive(self, letter_id: int) -> int:
        self.show(letter_id)
        return self._redrive(letter_id)

    def redrive_all(self, letter_ids: Sequence[int]) -> Mapping[int, Redriven]:
        outcomes: dict[int, Redriven] = {}
        seen = []
        for letter_id in letter_ids:
            try:
                self.show(letter_id)
            except NoSuchLetter as exc:
                outcomes[letter_id] = exc
            else:
                seen.append(letter_id)
        return outcomes | dict(self._redrive_all(seen))


class PartOfProposal(Proposal):
    """A proposal that rests on trucks of others too: its figures count their visits, so that they are not shown."""


class NarrowedSuspectedSites:
    """Suspected sites that a truck visited which may be seen, without the others' names and figures."""

    def __init__(self, sites: SuspectedSites, sees: Sees) -> None:
        self._sites, self._sees = sites, sees

    def proposals(self, state: ProposalState | None = None) -> list[Proposal]:
        return [self._narrowed(proposal) for proposal in self._sites.proposals(state) if self._is_shown(proposal)]

    def decide(self, proposal_id: str, decision: Decision) -> Proposal:
        if not any(proposal.id == proposal_id for proposal in self.proposals()):
            raise UnknownProposal(f"no suspected site {proposal_id!r}")
        return self._narrowed(self._sites.decide(proposal_id, decision))

    def _is_shown(self, proposal: Proposal) -> bool:
        return any(map(self._sees, proposal.trucks))

    def _narrowed(self, proposal: Proposal) -> Proposal:
        seen = tuple(truck for truck in proposal.trucks if self._sees(truck))
        if seen == proposal.trucks:
            return proposal
        return PartOfProposal.model_validate(proposal.model_dump() | {"trucks": seen, "alerts": ()})
