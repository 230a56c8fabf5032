"""Rule sets: those that were applied, how two differ, whether another is correct, and applying it."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from api.access.acting import ACTOR, acting_name
from api.access.authentication import CurrentCaller
from api.access.roles import ADMINISTRATORS, VIEWERS
from api.access.visible import Parts
from api.http.large_answers import LARGE
from api.http.openapi import answer, problems
from api.http.problems import WRITE_REFUSED, Fault, ProblemKind, RequestRefused, not_found
from devices.db.versions import AppliedMeanwhile, StoredVersion
from devices.readings.text import ShortText
from rules.rule_sets.changes import Difference, differences
from rules.rule_sets.choice import RuleSetChoice
from rules.rule_sets.model import BadRuleSet
from rules.rule_sets.places import unknown_places
from rules.rule_sets.reading import MAX_BYTES
from rules.rule_sets.shipped import checked, shipped_rules
from rules.rule_sets.store import MAX_REASON, UnknownRuleSet

router = APIRouter(tags=["rules"], dependencies=VIEWERS)

READ: Final = (ProblemKind.UNAUTHORIZED, ProblemKind.INVALID, ProblemKind.UNAVAILABLE)


class RuleSetOut(BaseModel):
    """One version of the rule set."""

    version: int
    applied_at: int = Field(description="Wall clock, ms")
    applied_by: str
    reason: str


class RuleSetText(RuleSetOut):
    """One version, as its author wrote it."""

    content: str = Field(description="YAML")


class DifferenceOut(BaseModel):
    """One value that differs."""

    where: str = Field(description="Conditions of the exception; empty: the whole city")
    rule: str
    parameter: str = Field(description="`on`: whether the rule is on")
    before: Any
    after: Any


class AppliedOut(RuleSetOut):
    """The rule set that holds from now on."""

    changed: list[DifferenceOut]


class RuleSetFaultOut(BaseModel):
    """One fault of a rule set."""

    line: int | None = Field(description="From 1; null where no single line is at fault")
    key: str = Field(description="Where: `exceptions[2].rules.speeding.limit_kmh`; empty: the whole file")
    hint: str = Field(description="What is wrong, and what to do; in English")
    hint_zh: str = Field(description="The same in Chinese")


class CheckedOut(BaseModel):
    """Whether a rule set can hold, and what it would change."""

    faults: list[RuleSetFaultOut] = Field(description="All of them; empty: it can hold")
    unknown_places: list[str] = Field(description="Districts and fleets that the city does not have: no fault; English")
    unknown_places_zh: list[str] = Field(description="The same in Chinese, in the same order")
    changed: list[DifferenceOut] = Field(description="Against the rule set that holds; empty where there are faults")


class CheckBody(BaseModel):
    """A rule set to be looked at; nothing is kept."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"content": "speeding: {limit_kmh: 90}\n"}]}
    )

    content: str = Field(max_length=MAX_BYTES, description="YAML, as `docs/rules.md` shows it")


class RuleSetBody(BaseModel):
    """A rule set to be applied in place of the one that holds."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "content": "speeding: {limit_kmh: 90}\n",
                    "actor": "li.wei",
                    "reason": "New limit on the ring road",
                    "after": 6,
                }
            ]
        },
    )

    content: str = Field(max_length=MAX_BYTES, description="YAML, as `docs/rules.md` shows it")
    actor: ShortText | None = Field(None, description=ACTOR)
    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON, pattern=r"^[^\x00]*$")]
    after: int | None = Field(
        None, ge=0, description="Apply only if this version holds: what the author looked at. Default: whichever holds"
    )


_SET_EXAMPLE: Final = {
    "version": 7,
    "applied_at": 1_790_000_000_000,
    "applied_by": "li.wei",
    "reason": "New limit on the ring road",
}
_APPLIED_EXAMPLE: Final[dict[str, Any]] = _SET_EXAMPLE | {
    "changed": [{"where": "", "rule": "speeding", "parameter": "limit_kmh", "before": 100, "after": 90}]
}
_CHECKED_EXAMPLE: Final = {
    "faults": [
        {
            "line": 1,
            "key": "speding",
            "hint": "no such rule: did you mean 'speeding'?",
            "hint_zh": "没有该规则：是否应为 'speeding'？",
        }
    ],
    "unknown_places": [],
    "unknown_places_zh": [],
    "changed": [],
}


@router.get(
    "/rule-sets",
    summary="Rule sets that were applied",
    response_model=list[RuleSetOut],
    responses=answer("The newest versions, newest first", [_SET_EXAMPLE]) | problems(*READ),
)
def applied_rule_sets(
    parts: Parts, limit: Annotated[int, Query(ge=1, le=200, description="At most so many")] = 20
) -> list[RuleSetOut]:
    """Every version, with who applied it, when, and why."""
    return [rule_set_out(stored) for stored in parts.rule_sets.history(limit)]


@router.get(
    "/rule-sets/{version}",
    summary="One rule set",
    response_model=RuleSetText,
    responses=answer("The version as it was applied", _SET_EXAMPLE | {"content": "speeding: {limit_kmh: 90}\n"})
    | problems(*READ, ProblemKind.NOT_FOUND),
)
def one_rule_set(parts: Parts, version: Annotated[int, Path(ge=1, le=2**31 - 1)]) -> RuleSetText:
    """One version, as its author wrote it."""
    try:
        stored = parts.rule_sets.version(version)
    except UnknownRuleSet as exc:
        raise not_found("rule set", str(version), "`GET /api/v1/rule-sets` lists them") from exc
    return RuleSetText(**_fields(stored), content=stored.content)


@router.get(
    "/rule-sets/{version}/differences",
    summary="How two rule sets differ",
    response_model=list[DifferenceOut],
    responses=answer("Each value that differs", _APPLIED_EXAMPLE["changed"])
    | problems(*READ, ProblemKind.NOT_FOUND, ProblemKind.OUTDATED),
)
def differences_of_rule_sets(
    parts: Parts,
    version: Annotated[int, Path(ge=0, le=2**31 - 1)],
    since: Annotated[int, Query(ge=0, le=2**31 - 1, description="The other version: `before` is its value")],
) -> list[DifferenceOut]:
    """What version `since` had otherwise. 0 is what is shipped."""
    return [_difference(one) for one in differences(_named(parts, since), _named(parts, version))]


@router.post(
    "/rule-sets/check",
    summary="Check a rule set",
    response_model=CheckedOut,
    dependencies=[*ADMINISTRATORS, *LARGE],
    responses=answer("Its faults, or what it would change", _CHECKED_EXAMPLE)
    | problems(*READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.TOO_BUSY, ProblemKind.TOO_LARGE),
)
def check_rule_set(parts: Parts, body: CheckBody) -> CheckedOut:
    """All faults of a rule set at once, each with its line, its key and what to do; or what it would change."""
    try:
        choice = checked(body.content.encode(), "", 0)
    except BadRuleSet as exc:
        found = [
            RuleSetFaultOut(line=one.line, key=one.key, hint=one.hint.en, hint_zh=one.hint.zh) for one in exc.found
        ]
        return CheckedOut(faults=found, unknown_places=[], unknown_places_zh=[], changed=[])
    unknown = list(unknown_places(choice.rule_set, parts.city()))
    return CheckedOut(
        faults=[],
        unknown_places=[one.en for one in unknown],
        unknown_places_zh=[one.zh for one in unknown],
        changed=[_difference(one) for one in differences(parts.rules(), choice)],
    )


@router.post(
    "/rule-sets",
    summary="Apply a rule set",
    response_model=AppliedOut,
    status_code=201,
    dependencies=ADMINISTRATORS,
    responses=answer("The new version, and what it changes", _APPLIED_EXAMPLE, status=201)
    | problems(*READ, ProblemKind.BAD_REQUEST, *WRITE_REFUSED, ProblemKind.OUTDATED, ProblemKind.TOO_LARGE),
)
def apply_rule_set(parts: Parts, caller: CurrentCaller, body: RuleSetBody) -> AppliedOut:
    """Let a rule set hold from now on, in place of the whole one before. The judge takes it within two seconds.

    All faults are named at once, with lines. `after` makes sure that nobody else's rule set is overwritten: 409.
    """
    newest = parts.rule_sets.newest()
    held = newest.version if newest is not None else 0
    if body.after is not None and body.after != held:
        raise RequestRefused(ProblemKind.OUTDATED, f"rule set {held} holds meanwhile: look at it first")
    if newest is not None and newest.content == body.content:
        raise RequestRefused(ProblemKind.OUTDATED, f"this content holds already, as rule set {held}")
    after = correct(body.content, held + 1)
    stored = StoredVersion(held + 1, body.content, parts.now(), acting_name(caller, body.actor), body.reason)
    found = differences(parts.rules(), after)
    try:
        parts.rule_sets.apply(stored)
    except AppliedMeanwhile as exc:
        raise RequestRefused(ProblemKind.OUTDATED, str(exc)) from exc
    return AppliedOut(**_fields(stored), changed=[_difference(one) for one in found])


def correct(content: str, version: int = 0) -> RuleSetChoice:
    """The rules of a rule set in YAML. Raises RequestRefused, which names all faults."""
    try:
        return checked(content.encode(), "content", version)
    except BadRuleSet as exc:
        faults = [Fault(field="body.content", hint=fault) for fault in exc.faults]
        raise RequestRefused(ProblemKind.INVALID, f"the rule set has {len(faults)} faults", errors=faults) from exc


def _named(parts: Parts, version: int) -> RuleSetChoice:
    """The rules of a version. Raises RequestRefused."""
    if version == 0:
        return shipped_rules()
    try:
        content = parts.rule_sets.version(version).content
        return checked(content.encode(), f"rule set {version}", version)
    except UnknownRuleSet as exc:
        raise not_found("rule set", str(version), "`GET /api/v1/rule-sets` lists them") from exc
    except BadRuleSet as exc:
        detail = f"rule set {version} is of another version of Haulwatch: {exc.faults[0]}"
        raise RequestRefused(ProblemKind.OUTDATED, detail) from exc


def rule_set_out(stored: StoredVersion) -> RuleSetOut:
    return RuleSetOut(**_fields(stored))


def _fields(stored: StoredVersion) -> dict[str, Any]:
    return {name: getattr(stored, name) for name in RuleSetOut.model_fields}


def _difference(one: Difference) -> DifferenceOut:
    return DifferenceOut(**one._asdict())
