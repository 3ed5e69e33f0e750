"""Urgent notices: somebody must look now; one alert, or many at once with none left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from classifiers.taxonomy import Severity
from monitor.alerts import Alert
from monitor.mail.items import Item, Showing, show
from monitor.mail.wording import plain, whose
from monitor.playbook import Contact, Play


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Somebody to call, in words for a letter: `reach` is empty where no school has said how."""

    name: str
    reach: tuple[str, ...]
    use: str
    hours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What to do first about one kind of matter, and whom to call."""

    kind: str
    labels: tuple[str, ...]
    actions: tuple[str, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Urgent:
    """Everything that an urgent notice shows, already decided."""

    subject: str
    school: str
    headline: str
    items: tuple[Item, ...]
    steps: tuple[Steps, ...]
    locked: bool
    excerpts: bool


def compose_urgent(alerts: Sequence[Alert], contacts: Mapping[str, Contact], how: Showing) -> Urgent:
    """What one person must hear at once: all of these alerts, criticals first, none left out.

    `contacts` maps what the playbook calls them (`lado`, `police`) to the school's own entries.
    """
    items = tuple(show(a, how) for a in sorted(alerts, key=lambda a: (-a.severity, a.seen_at, a.number)))
    return Urgent(
        subject=_subject(items),
        school=whose(how.school_names),
        headline=_headline(items),
        items=items,
        steps=_steps(items, alerts, contacts, how),
        locked=any(item.locked for item in items),
        excerpts=any(item.excerpt for item in items),
    )


def calls(play: Play, contacts: Mapping[str, Contact]) -> tuple[Call, ...]:
    """Whom the playbook says to call, the most urgent first, with what is known of how to reach them."""
    return tuple(_call(contacts.get(who) or Contact(name=who.replace("_", " "))) for who in play.call)


def _call(contact: Contact) -> Call:
    ways = (contact.phone, contact.email, contact.web)
    checked = f"checked on {contact.checked_on:%d/%m/%Y}" if contact.checked_on else ""
    return Call(
        name=plain(contact.name),
        reach=tuple(plain(way) for way in ways if way),
        use=plain(contact.use),
        hours=plain(", ".join(filter(None, (contact.hours, checked)))),
    )


def _subject(items: Sequence[Item]) -> str:
    if len(items) == 1:
        return f"URGENT school monitoring alert {items[0].label}"
    return f"URGENT {len(items)} school monitoring alerts{_criticals(items, ', {} critical')}"


def _headline(items: Sequence[Item]) -> str:
    if len(items) == 1:
        return "Somebody should look at this now."
    return f"{len(items)} urgent alerts in the last hour{_criticals(items, ', {} of them critical')}."


def _criticals(items: Sequence[Item], words: str) -> str:
    critical = sum(item.severity is Severity.CRITICAL for item in items)
    return words.format(critical) if critical else ""


def _steps(
    items: Sequence[Item], alerts: Sequence[Alert], contacts: Mapping[str, Contact], how: Showing
) -> tuple[Steps, ...]:
    concerned: dict[str, list[Item]] = {}
    subcategories = {alert.number: alert.subcategory for alert in alerts}
    for item in items:
        concerned.setdefault(subcategories[item.number], []).append(item)
    return tuple(
        Steps(
            kind=about[0].kind,
            labels=tuple(item.label for item in about),
            actions=tuple(plain(action, 500) for action in play.actions),
            calls=calls(play, contacts),
        )
        for subcategory, about in concerned.items()
        if (play := how.plays.get(subcategory))
    )
