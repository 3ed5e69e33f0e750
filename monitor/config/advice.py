"""What a person should see to although the software works: warnings, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from urllib.parse import urlsplit

from connectors.discourse import Discourse
from connectors.registry import Source, Terms
from monitor.config.sections import Evidence, Governance, Heartbeat, Mail, People, Person
from monitor.mentions.school import School
from monitor.playbook import Contact, Playbook, Role

_NEEDED = {
    Role.DSL: "Designated Safeguarding Lead",
    Role.DEPUTY: "deputy Designated Safeguarding Lead",
    Role.HEAD: "Head",
    Role.CHAIR: "chair of governors",
    Role.ADMINISTRATOR: "administrator",
}
# The lead and the deputies hear the same, so that each is the other's cover.
_PAIR = (Role.DSL, Role.DEPUTY)
# fmt: off
_FREE_MAIL = frozenset((
    "aol.com", "btinternet.com", "gmail.com", "gmx.co.uk", "gmx.com", "googlemail.com", "hotmail.co.uk",
    "hotmail.com", "icloud.com", "live.co.uk", "live.com", "mac.com", "mail.com", "me.com", "msn.com",
    "outlook.com", "proton.me", "protonmail.com", "sky.com", "talktalk.net", "virginmedia.com",
    "yahoo.co.uk", "yahoo.com", "ymail.com", "zoho.com",
))
# fmt: on


def on_people(people: People, schools: Sequence[School], mail: Mail) -> Iterator[str]:
    """Roles that nobody covers (STG-5d), and addresses outside the school (STG-5c)."""
    for school in schools:
        held = {
            role: [person for person in persons if not person.schools or school.id in person.schools]
            for role, persons in people.by_role()
        }
        yield from _cover(school, held)
    yield from _outside(people, schools, mail)


def _cover(school: School, held: Mapping[Role, Sequence[Person]]) -> Iterator[str]:
    hearing = {role: {person.email.lower() for person in held[role]} for role in _NEEDED}
    empty = [role for role in _NEEDED if not hearing[role]]
    if empty:
        yield f"{school.name} has nobody as {_named(empty)}."
    pair = hearing[_PAIR[0]] | hearing[_PAIR[1]]
    alone = [role for role in _NEEDED if len(pair if role in _PAIR else hearing[role]) == 1 and hearing[role]]
    if alone:
        yield (
            f"{school.name} has one person only as {_named(alone)}; name a second, so that somebody hears "
            "when the first is away (STG-5d)."
        )


def _named(roles: Sequence[Role]) -> str:
    return ", ".join(f"{_NEEDED[role]} (people.{role.value})" for role in roles)


def _outside(people: People, schools: Sequence[School], mail: Mail) -> Iterator[str]:
    ours = {_site(school.site) for school in schools if school.site}
    if mail.from_ is not None:
        ours.add(_domain(mail.from_))
    addresses = dict.fromkeys(person.email for _, persons in people.by_role() for person in persons)
    for email in addresses:
        domain = _domain(email)
        if domain in _FREE_MAIL:
            yield (
                f"{email} is a private address; alerts should go to addresses that the school gives out "
                "(STG-5c)."
            )
        elif ours - _FREE_MAIL and not any(_related(domain, own) for own in ours):
            yield (
                f"{email} is not at an address of the school ({', '.join(sorted(ours))}); make sure that "
                "it is meant (STG-5c)."
            )


def _domain(email: str) -> str:
    return email.rpartition("@")[2].lower()


def _site(address: str) -> str:
    host = urlsplit(address if "//" in address else f"//{address}").hostname or ""
    return host.removeprefix("www.")


def _related(one: str, other: str) -> bool:
    """Whether one is the other or a part of it."""
    return one == other or one.endswith(f".{other}") or other.endswith(f".{one}")


def on_contacts(contacts: Mapping[str, Contact], playbook: Playbook) -> Iterator[str]:
    """Local services that the playbook says to call and that nobody has filled in."""
    missing = [f"contacts.{key}" for key in playbook.local if key not in contacts]
    if missing:
        yield f"Alerts cannot say whom to call nearby: fill in {', '.join(missing)} (BAN-2.7, STG-1b)."
    for key, contact in contacts.items():
        if not (contact.phone or contact.email or contact.web):
            yield f"contacts.{key} ({contact.name}) has no telephone number, e-mail or web address."
        if key not in playbook.local and key not in playbook.contacts:
            yield (
                f"contacts.{key} is not called by any part of the playbook; its keys are "
                f"{', '.join(playbook.local)}."
            )


def on_terms(source: str, scores: Sequence[str] | None, terms: Terms) -> Iterator[str]:
    """What a source does that the terms of its platform, as far as they were read, do not allow."""
    beyond = [head for head in scores or () if head not in terms.scores]
    if beyond:
        yield (
            f"The terms of its platform do not let '{source}' be scored for {', '.join(beyond)}: it needs a "
            "reason in law that goes before them, written down in the impact assessment."
        )


def on_governance(governance: Governance, today: date) -> Iterator[str]:
    """What the school has not decided, not published, or must look at again (STG-3c, STG-5f, BAN-0)."""
    if governance.dpia is None:
        yield "No data protection impact assessment is named (governance.dpia)."
    if governance.notice_url is None:
        yield "No public notice of this monitoring is named (governance.notice_url, STG-5f)."
    if governance.approved_by is None or governance.approved_on is None:
        yield "Nobody is named as having approved this (governance.approved_by and approved_on, STG-3c)."
    elif governance.approved_on > today:
        yield f"governance.approved_on is in the future ({governance.approved_on:%d %B %Y})."
    if governance.review_due is None:
        yield "No date for the next review is set (governance.review_due, BAN-0)."
    elif governance.review_due < today:
        yield (
            f"The review of this monitoring was due on {governance.review_due:%d %B %Y} "
            f"(governance.review_due, BAN-0)."
        )


def on_sealing(evidence: Evidence, sources: Sequence[Source]) -> Iterator[str]:
    """What stays readable although everything is to be sealed."""
    for source in sources if evidence.sealed else ():
        if isinstance(source, Discourse) and source.search:
            yield (
                f"The titles of topics that '{source.name}' finds stay readable in the database although "
                "evidence.sealed is set: the forum gives them in its search alone. Read it by `latest` "
                "instead where it is small."
            )


def on_delivery(mail: Mail, heartbeat: Heartbeat) -> Iterator[str]:
    """Ways in which silence could go unnoticed."""
    if mail.server is None:
        yield "No mail server is set (mail.server): messages are only put into a folder, and nobody is told."
    if heartbeat.file is None and heartbeat.url is None:
        yield "Nothing outside this machine would notice that it is dead (heartbeat.url or heartbeat.file)."
