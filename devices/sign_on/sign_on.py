"""Signing on: the provider says who somebody is, the mapping what he may, the accounts whether there is a session."""

from dataclasses import dataclass

from devices.people.model import NameTaken, Refused, sign_in_name
from devices.people.provider_people import AccountDisabled, ProviderPeople, ProviderPerson, SignedOn
from devices.readings.text import MAX_SHORT_CHARS, unseen_character
from devices.sign_on.client import OidcClient
from devices.sign_on.mapping import SignOnMapping
from devices.sign_on.model import Answer, Identity, Pending, SignOnFailure, SignOnRefused


@dataclass(frozen=True, slots=True)
class SignOn:
    """One provider. Called from worker threads: it waits for the provider and for the database."""

    client: OidcClient
    mapping: SignOnMapping
    people: ProviderPeople
    title: str | None = None
    """What the button says; None: the console's own words."""

    def begin(self) -> tuple[str, Pending]:
        """Where to send the browser, and what to remember until it comes back. Raises SignOnRefused."""
        return self.client.begin()

    def finish(self, pending: Pending, answer: Answer, now: int) -> SignedOn:
        """Begin a session. Raises SignOnRefused, DatabaseError."""
        identity = self.client.finish(pending, answer, self.mapping.needs())
        who = self._person(identity)
        try:
            return self.people.sign_in(who, identity.id_token, now)
        except AccountDisabled as exc:
            raise SignOnRefused(SignOnFailure.DISABLED, str(exc), who.name) from exc
        except NameTaken as exc:
            raise SignOnRefused(SignOnFailure.NAME_TAKEN, str(exc), who.name) from exc

    def sign_out_url(self, id_token: str) -> str | None:
        """Where the browser signs out at the provider as well; None: it offers that nowhere, or is away."""
        try:
            return self.client.sign_out_url(id_token)
        except SignOnRefused:
            return None

    def _person(self, identity: Identity) -> ProviderPerson:
        """Raises SignOnRefused; who has lost the role is then signed out everywhere."""
        claims, mapping = identity.claims, self.mapping
        grant = mapping.granted(claims)
        if grant is None:
            name = self.people.withdraw(identity.issuer, identity.subject)
            raise SignOnRefused(
                SignOnFailure.NO_ROLE, f"no entry of the mapping gives {identity.subject!r} a role", name
            )
        try:
            name = sign_in_name(mapping.text(claims, mapping.name) or "")
        except Refused as exc:
            raise SignOnRefused(SignOnFailure.NO_NAME, f"claim {mapping.name}: {exc}") from exc
        shown = (mapping.text(claims, mapping.display_name) or "").strip()[:MAX_SHORT_CHARS]
        return ProviderPerson(
            issuer=identity.issuer,
            subject=identity.subject,
            name=name,
            display_name=name if not shown or unseen_character(shown) else shown,
            role=grant.role,
            visibility=grant.visibility,
        )
