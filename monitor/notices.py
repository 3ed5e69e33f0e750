"""What must be said to whom: urgent notices at once, digests once a day, nothing twice as new."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from monitor.alerts import Alert
from monitor.playbook import Role


class Routed(Protocol):
    """What says whom a matter is for: a judgement, or the alert that was made of it."""

    @property
    def roles(self) -> tuple[Role, ...]:
        """For whom it is."""

    @property
    def subcategories(self) -> tuple[str, ...]:
        """What it is about."""


class NoticeKind(StrEnum):
    """Why a message goes out."""

    URGENT = "urgent"
    DIGEST = "digest"
    OPERATIONAL = "operational"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """A person who gets mail: for which schools, in which roles."""

    name: str
    email: str
    roles: frozenset[Role]
    schools: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """An alert that a person must hear of at once and has not: one per alert, person and judgement."""

    id: int
    recipient: str
    alert: Alert
    judgement: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message that must reach somebody: finished bytes and their Message-ID, before the first attempt."""

    id: int
    kind: NoticeKind
    recipient: str
    message_id: str
    message: bytes
    created_at: datetime
    attempts: int = 0
    sent_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Named:
    """Whom words name: people by their address in lower case, and roles that somebody holds."""

    people: frozenset[str] = frozenset()
    roles: frozenset[Role] = frozenset()

    def __or__(self, other: "Named") -> "Named":
        return Named(self.people | other.people, self.roles | other.roles)

    def holds(self, person: Recipient) -> bool:
        """Whether this person is among them."""
        return person.email.casefold() in self.people or bool(person.roles & self.roles)


NOBODY = Named()


_COULD_BE_THE_SUBJECT = frozenset(
    {
        "safeguarding.staff_allegation",
        "reputational.staff_conduct",
        "reputational.whistleblowing",
        "reputational.defamatory_allegation",
    }
)
_ALTERNATES = {
    Role.HEAD: (Role.CHAIR,),
    Role.DSL: (Role.HEAD, Role.DEPUTY),
    Role.DEPUTY: (Role.DSL,),
    Role.CHAIR: (Role.DPO, Role.HEAD),
}
_FALLBACK = (Role.DSL, Role.DEPUTY, Role.HEAD, Role.CHAIR)
_TITLES = "mr|mrs|ms|miss|mx|dr|doctor|prof|professor|sir|madam|rev|revd|reverend|father|sister|canon|dame"
_TITLE = re.compile(rf"\b(?:{_TITLES})\b\.?", re.IGNORECASE)
_NAME_PART = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_WORD_OR_STOP = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|[.!?:,;]")
# Words that begin a sentence with a capital and are no part of a name.
_OPENERS = re.compile(
    r"i|an?|and|because|but|d(?:id|o|oes)|ha[sd]|have|she|he|how|if|i[st]|my|our|so|that|the|then|was|we|wh\w+|yes|no",
    re.IGNORECASE,
)
_EXAMINED = 200_000  # characters: a name at the end of a long article counts too

_DEPUTY_WORDS = re.compile(
    r"\b(?:deput(?:y|ies)|assistant)[ -](?:designated )?(?:safeguarding )?"
    r"(?:head(?:[ -]?(?:teacher|master|mistress))?|principal|dsl|lead|officer)s?\b|\bddsls?\b",
    re.IGNORECASE,
)
_ROLE_WORDS = {
    role: re.compile(rf"\b(?:{words})\b", re.IGNORECASE | re.VERBOSE)
    for role, words in {
        Role.HEAD: r"""
            head[ -]?(?:teacher|master|mistress)(?:e?s)? | principals? | head\ of\ (?:the\ )?school
            | (?:executive|exec|acting|co-?)[ -]?heads?
            # Not where somebody was hit, nor the head of a year or the head girl.
            | (?<!on\ )(?<!in\ )(?<!over\ )(?<!round\ )(?:the|our)\ head
              (?!\ (?:of|girl|boy|lice|ache|line|start|chef|cook|coach|count)\b)
            | pennaeth | [pb]rifathro | [pb]rifathrawes
            """,
        Role.DSL: r"""
            dsls? | (?:designated\ )?safeguarding\ (?:lead|officer|person|team|manager)s?
            | child\ protection\ (?:lead|officer|person)s?
            """,
        Role.CHAIR: r"""
            chair(?:man|woman|person)?\ of\ (?:the\ )?(?:governors|governing\ (?:body|board)|trustees|board)
            | cadeirydd
            """,
        Role.COMMS: r"(?:comms|communications|marketing|social\ media)\ (?:team|lead|officer|manager|person)",
        Role.DPO: r"dpo | data\ protection\ (?:officer|lead)",
        Role.HR: r"hr | human\ resources",
    }.items()
}


def recipients(
    school: str, judgement: Routed, people: Sequence[Recipient], text: str = "", *, besides: Named = NOBODY
) -> list[Recipient]:
    """Who must hear of a matter at this school: the people of the judgement's roles, in order, once each.

    Where it may be an allegation against somebody, whom `text` names, or whose role it names, is left out and
    the alternate hears instead: the chair for the head, the head or else the deputies for the DSL (BAN-2.7b).
    So are those who were named `besides`, in words that can be read no longer. A victim is never left out.
    Where nobody would be left, the DSL, deputies, head or chair hear, whoever is first to be had; if all of
    those are named, the people of the roles all the same. Nobody of another school hears, so only a school
    without people stays unheard.
    """
    here = [person for person in people if school in person.schools]
    named = _subjects(here, judgement, text, besides)
    free = [person for person in here if person.email.casefold() not in named]
    chosen = [person for role in judgement.roles for person in _holders_or_alternates(role, here, free)]
    return _once(
        chosen or _first_to_be_had(free) or _of(here, judgement.roles) or _first_to_be_had(here) or here
    )


def must_not_hear(
    email: str,
    school: str,
    judgement: Routed,
    people: Sequence[Recipient],
    text: str,
    *,
    besides: Named = NOBODY,
) -> bool:
    """Whether the matter may be about whoever has this address, and others hear in their place (BAN-2.7b)."""
    here = [person for person in people if school in person.schools]
    if email.casefold() not in _subjects(here, judgement, text, besides):
        return False
    hearers = recipients(school, judgement, people, text, besides=besides)
    return email.casefold() not in {person.email.casefold() for person in hearers}


def _subjects(here: Sequence[Recipient], judgement: Routed, text: str, besides: Named) -> frozenset[str]:
    """The addresses of those whom the text may accuse."""
    if not _COULD_BE_THE_SUBJECT.intersection(judgement.subcategories):
        return frozenset()
    accused = named(here, text) | besides
    return frozenset(person.email.casefold() for person in here if accused.holds(person))


def _holders_or_alternates(
    role: Role, here: Sequence[Recipient], free: Sequence[Recipient]
) -> list[Recipient]:
    able = _of(free, [role])
    if len(able) == len(_of(here, [role])):
        return able
    return able + next(
        filter(None, (_of(free, [other]) for other in _ALTERNATES.get(role, (Role.HEAD,)))), []
    )


def _of(people: Iterable[Recipient], roles: Collection[Role]) -> list[Recipient]:
    return [person for person in people if person.roles.intersection(roles)]


def _first_to_be_had(people: Sequence[Recipient]) -> list[Recipient]:
    return next(filter(None, (_of(people, [role]) for role in _FALLBACK)), [])


def _once(people: Iterable[Recipient]) -> list[Recipient]:
    by_address: dict[str, Recipient] = {}
    for person in people:
        by_address.setdefault(person.email.casefold(), person)
    return list(by_address.values())


def named(people: Iterable[Recipient], text: str) -> Named:
    """Whom of these people the text names, and which roles."""
    plain = _plain(text[:_EXAMINED])
    return Named(
        frozenset(person.email.casefold() for person in people if _names(person.name, plain)),
        frozenset(_roles_named(plain)),
    )


def _roles_named(plain: str) -> Iterator[Role]:
    rest = _DEPUTY_WORDS.sub(" ", plain)
    if rest != plain:
        yield Role.DEPUTY
    yield from (role for role, words in _ROLE_WORDS.items() if words.search(rest))


def _names(name: str, plain: str) -> bool:
    """Whether the text holds this name: with a title, the first name or its initial, or the surname alone.

    Doubt leaves somebody out, and the alternate hears.
    """
    parts = _NAME_PART.findall(_TITLE.sub(" ", _plain(name)))
    if not parts:
        return False
    surname = re.escape(parts[-1])
    before = "|".join([rf"(?:{_TITLES})\.?(?:\s?[a-z]\b\.?)?", *map(re.escape, parts[:-1][:1])])
    written_out = rf"\b(?:{before})[\s_.]*{surname}s?\b"
    initial = rf"\b{re.escape(parts[0][0])}\.?\s?{surname}\b"
    return (
        re.search(written_out, plain, re.IGNORECASE) is not None
        or (len(parts) > 1 and re.search(initial, plain) is not None)
        or _stands_alone(parts[-1], plain)
    )


def _stands_alone(surname: str, plain: str) -> bool:
    """Whether the text has the surname with a capital and no other beside it: Green, not Harrowby Green."""
    words = [word.removesuffix("'s") for word in _WORD_OR_STOP.findall(plain)]
    return any(
        word == surname and not _is_name(before) and not after[:1].isupper()
        for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False)
    )


def _is_name(word: str) -> bool:
    return word[:1].isupper() and not _OPENERS.fullmatch(word)


def _plain(text: str) -> str:
    """The text without accents and with plain apostrophes and single spaces."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.replace("’", "'").split())


_SINGLY = 10


def bundle(owed: Sequence[Owed], sent_last_hour: int) -> list[tuple[Owed, ...]]:
    """How one recipient's owed urgent notices become messages: one each up to ten an hour, then one for all.

    The most severe go first, so they are those that stand alone. None is dropped and none waits.
    """
    ordered = sorted(owed, key=lambda each: (-each.alert.severity, each.since, each.id))
    room = max(0, _SINGLY - max(0, sent_last_hour))
    singly, together = ordered[:room], tuple(ordered[room:])
    return [*((each,) for each in singly), *([together] if together else [])]
