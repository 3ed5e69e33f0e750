"""What the playbook says of each kind of matter, and what a school may change of it."""

from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from classifiers.taxonomy import Head, Severity


class Role(StrEnum):
    """Whom an alert is for; the configuration says who that is."""

    DSL = "dsl"
    DEPUTY = "deputies"
    HEAD = "head"
    CHAIR = "chair"
    COMMS = "comms"
    DPO = "dpo"
    HR = "hr"
    ADMINISTRATOR = "administrators"


class Raise(StrEnum):
    """What makes a matter one step more serious. Each value is the playbook's word for it."""

    OFFICIAL = "official_account"
    SOON = "soon"


def _severity(written: Any) -> Any:
    return Severity.read(written) if isinstance(written, str) else written


SeverityWord = Annotated[
    Severity,
    BeforeValidator(_severity, json_schema_input_type=str),
    PlainSerializer(lambda severity: severity.word, return_type=str, when_used="json"),
    Field(description="critical, high, medium, low, or none (counted, never an alert)."),
]
Score = Annotated[float, Field(ge=0, le=1)]


class Play(BaseModel):
    """What the playbook says of one sub-category: when it alerts, how loudly, for whom, and what to do first.

    `call` are keys of contacts. `anonymous` kinds are only counted and summed up: no author is kept and no
    picture taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    threshold: Score
    floor: Score | None = None
    severity: SeverityWord
    route: tuple[Role, ...]
    actions: tuple[str, ...]
    call: tuple[str, ...] = ()
    raised_by: tuple[Raise, ...] = ()
    anonymous: bool = False
    enabled: bool = True


class Contact(BaseModel):
    """Whom to call: `checked_on` is when somebody last saw that the details are right."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=120, description="What it is called.")]
    phone: Annotated[str, Field(max_length=60, description="The telephone number, in quotes.")] = ""
    email: Annotated[str, Field(max_length=254, description="The e-mail address.")] = ""
    web: Annotated[str, Field(max_length=300, description="The web address.")] = ""
    hours: Annotated[str, Field(max_length=120, description="When somebody answers.")] = ""
    use: Annotated[str, Field(max_length=300, description="What it is for.")] = ""
    checked_on: Annotated[date | None, Field(description="The day on which you last checked it.")] = None


class Playbook(BaseModel):
    """The shipped plays, the national contacts, and what each local contact is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    heads: Mapping[Head, Score]
    plays: Mapping[str, Play]
    contacts: Mapping[str, Contact]
    local: Mapping[str, str]


class Change(BaseModel):
    """What a school may say of one sub-category under `thresholds:`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alert: Annotated[Score | None, Field(description="The score from which it alerts, 0 to 1.")] = None
    floor: Annotated[
        Score | None,
        Field(
            description="The score from which it alerts whatever `alert` says; may be lowered, never raised."
        ),
    ] = None
    severity: SeverityWord | None = None
    enabled: Annotated[
        bool, Field(description="Whether it alerts at all; a critical kind cannot be switched off.")
    ] = True


class Policy(BaseModel):
    """How sure we must be before we speak up, and how loudly: the playbook with the school's own changes.

    `heads` are the scores from which a whole head alerts, although none of its kinds reached its own.
    `looser` says in words each setting that lets more pass than the shipped one; digests repeat it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    plays: Mapping[str, Play]
    heads: Mapping[Head, Score]
    purposes: Mapping[Head, bool]
    looser: tuple[str, ...] = ()


def make_policy(playbook: Playbook, changes: Mapping[str, Change], purposes: Mapping[Head, bool]) -> Policy:
    """The plays with a school's changes, and a sentence for each setting that is looser than shipped.

    Raises ValueError with one line for each change that is not allowed: a name that is neither a head nor a
    sub-category, and for a critical one a raised floor, a lower severity, or switching it off.
    """
    problems = [line for key, change in changes.items() for line in _problems(key, change, playbook)]
    if problems:
        raise ValueError("\n".join(problems))
    looser = [line for key, change in changes.items() for line in _looser(key, change, playbook)]
    return Policy(
        plays={key: _changed(play, changes.get(key)) for key, play in playbook.plays.items()},
        heads={head: _head_alert(score, changes.get(head)) for head, score in playbook.heads.items()},
        purposes={head: purposes.get(head, True) for head in Head},
        looser=(*looser, *(_purpose_off(head) for head in Head if not purposes.get(head, True))),
    )


def _changed(play: Play, change: Change | None) -> Play:
    if change is None:
        return play
    update: dict[str, object] = {"enabled": change.enabled}
    if change.alert is not None:
        update["threshold"] = change.alert
    if change.floor is not None:
        update["floor"] = change.floor
    if change.severity is not None:
        update["severity"] = change.severity
    return play.model_copy(update=update)


def _head_alert(shipped: float, change: Change | None) -> float:
    return shipped if change is None or change.alert is None else change.alert


def _problems(key: str, change: Change, playbook: Playbook) -> Iterator[str]:
    if key in playbook.heads:
        if change != Change(alert=change.alert):
            yield (
                f"{key}: a whole head takes `alert` alone; "
                f"to switch it off write `purposes: {{{key}: false}}`"
            )
        return
    if key not in playbook.plays:
        near = get_close_matches(key, [*playbook.plays, *playbook.heads], n=1)
        yield f"'{key}' is not a sub-category" + (f"; did you mean '{near[0]}'?" if near else "")
        return
    play = playbook.plays[key]
    if change.floor is not None and play.floor is not None and change.floor > play.floor:
        yield (
            f"{key}: the floor may be lowered, never raised: "
            f"{change.floor:.2f} is above the shipped {play.floor:.2f}"
        )
    if play.severity is not Severity.CRITICAL:
        return
    if not change.enabled:
        yield f"{key}: a critical kind cannot be switched off; raise `alert` instead, its floor still alerts"
    if change.severity is not None and change.severity < play.severity:
        yield f"{key}: a critical kind stays critical; '{change.severity.word}' is lower"


def _looser(key: str, change: Change, playbook: Playbook) -> Iterator[str]:
    if key in playbook.heads:
        if change.alert is not None and change.alert > playbook.heads[Head(key)]:
            yield f"The head '{key}' alerts at {change.alert:.2f} instead of {playbook.heads[Head(key)]:.2f}."
        return
    play = playbook.plays[key]
    named = f"{play.label} ({key})"
    if not change.enabled:
        yield f"{named} is switched off."
    if change.severity is not None and change.severity < play.severity:
        yield f"{named} counts as {change.severity.word} instead of {play.severity.word}."
    if change.alert is not None and change.alert > play.threshold:
        floor = change.floor if change.floor is not None else play.floor
        still = f"; from its floor of {floor:.2f} it alerts all the same" if floor is not None else ""
        yield f"{named} alerts at {change.alert:.2f} instead of {play.threshold:.2f}{still}."


def _purpose_off(head: Head) -> str:
    return f"The purpose '{head.value}' is switched off: of its kinds, only critical matters still alert."
