"""A first configuration file for one school: what is known of it filled in, the rest in comments.

Lines that begin with `# ` are words for people; those that begin with `#` and a letter, or with two spaces
after it, are settings that somebody may take up by taking the `#` away.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import yaml

from monitor.config.gias import Establishment, clean
from monitor.config.neighbours import Neighbour, Surroundings, places_of, taken_apart
from monitor.config.sections import Person
from monitor.mentions.folding import strict
from monitor.mentions.naming import Rank, rank_of
from monitor.mentions.school import School, site_parts

_PLAIN = re.compile(r"[^\W\d_](?:[\w '’().&-]*[\w).])?")
_SMALL = frozenset({"and", "of", "the", "for", "in", "at", "&"})
_INITIALS = range(3, 7)
_LONGEST_ID = 64
# Their front pages are no school's site: every link to them would be a mention.
_NOT_A_SCHOOL = frozenset(
    {"facebook.com", "twitter.com", "x.com", "instagram.com", "google.com", "sites.google.com"}
)
_FEED = "https://example.org/feed.xml"
AUTHORITIES = (
    '{name: DigiCert, url: "http://timestamp.digicert.com"}',
    '{name: GlobalSign, url: "http://timestamp.globalsign.com/tsa/r6advanced1"}',
)
"""Two that put the time to evidence, as they stand in a file."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a school may be called: `sure` are names that mean it alone, `perhaps` those to think about."""

    sure: tuple[str, ...]
    perhaps: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """What the first file is to say; `told` are facts beside the school, in sentences."""

    school: School
    perhaps: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    is_alone: bool = False
    feed: str | None = None
    dsl: Person | None = None
    administrator: Person | None = None


def drafted(
    found: Establishment,
    around: Surroundings | None,
    *,
    trust: str = "",
    feed: str | None = None,
    dsl: Person | None = None,
    administrator: Person | None = None,
) -> First:
    """What is known made into settings; `around` is None where no extract was read.

    Raises ValueError (of which pydantic's is one) where a school cannot be made of it.
    """
    about = around or Surroundings()
    near = _near(found, trust, about)
    names = proposed(found, near, None if around is None else about.namesakes)
    site = site_of(found.site)
    own = [strict(name) for name in (found.name, *names.sure)]
    apart = dict.fromkeys(one for neighbour in about.neighbours for one in neighbour.apart)
    school = School(
        id=found.urn or _slug(found.name),
        name=found.name,
        also=names.sure,
        near=near,
        not_=tuple(one for one in apart if _fits(one) and not any(strict(one) in each for each in own)),
        site=site,
    )
    core = taken_apart(found.name).called
    return First(
        school=school,
        perhaps=names.perhaps,
        told=tuple(_told(found, trust, about, site)) if around is not None else (),
        neighbours=about.neighbours,
        is_alone=around is not None and not about.namesakes and rank_of(core, typed=True) is Rank.DISTINCTIVE,
        feed=feed,
        dsl=dsl,
        administrator=administrator,
    )


def site_of(written: str) -> str | None:
    """The address as it is used; None where it is none, or one that is no school's own."""
    address = written if "//" in written else f"https://{written}"
    try:
        host, path = site_parts(address)
    except ValueError:
        return None
    return None if host in _NOT_A_SCHOOL and not path else address


def proposed(found: Establishment, near: Sequence[str], namesakes: int | None) -> Names:
    """Other names and hashtags; `namesakes` is None where nobody counted the schools of the same name."""
    name = taken_apart(found.name)
    called = " ".join(name.called)
    kind = next((word for word in name.kind if word not in ("School", "Academy")), "")
    places = [place for place in (found.town, found.locality) if place in near]
    place = next((place for place in places if strict(place) not in strict(found.name)), "")
    is_alone = rank_of(name.called, typed=True) is Rank.DISTINCTIVE and not namesakes
    alone = [_hashtag(called), _hashtag(f"{called} {kind}")] if is_alone else []
    with_place = [f"{called} {place}", _hashtag(f"{called} {place}")] if place else []
    initials = "".join(word[0] for word in found.name.split() if word.lower() not in _SMALL).upper()
    perhaps = [called, _hashtag(f"{called} {kind}"), initials if len(initials) in _INITIALS else ""]
    sure = tuple(dict.fromkeys(one for one in (*with_place, *alone) if _fits(one)))
    return Names(sure, tuple(one for one in dict.fromkeys(perhaps) if _fits(one) and one not in sure))


def _near(found: Establishment, trust: str, about: Surroundings) -> tuple[str, ...]:
    """What tells it from its namesakes: no place that one of them has too."""
    places = (*places_of(found), trust, found.telephone)
    return tuple(
        dict.fromkeys(
            place for place in places if place and strict(place) not in about.taken and len(strict(place)) > 1
        )
    )


def _told(found: Establishment, trust: str, about: Surroundings, site: str | None) -> Iterator[str]:
    facts = (found.postcode, found.phone and f"telephone {found.telephone}", trust, found.authority)
    known = ", ".join(fact for fact in facts if fact)
    yield f"From GIAS, URN {found.urn}: {known or 'no more than the name'}."
    if found.status.lower() not in ("open", ""):
        yield f"GIAS says of it: {found.status}."
    if found.site and site is None:
        yield f"GIAS gives “{found.site}” as its web site, which cannot be used: write the right one."
    if about.same_site:
        yield f"Other schools give this web site too ({about.same_site}): write a page of this one's alone."
    if about.namesakes:
        yield f"Open schools with this name, but for the kind of school: {about.namesakes} besides this one."
    shared = [place for place in (*places_of(found), trust) if place and strict(place) in about.taken]
    if shared:
        yield f"Not under `near`, since a school of the same name has it too: {', '.join(shared)}."


def _hashtag(words: str) -> str:
    joined = "".join(
        word[:1].upper() + word[1:] for word in re.sub(r"[^\w\s-]", "", words).replace("-", " ").split()
    )
    return f"#{joined.replace('_', '')}"


def _fits(name: str) -> bool:
    return len(strict(name)) >= 3 and len(name) <= 120  # noqa: PLR2004  # as School has it


def _slug(name: str) -> str:
    words = [strict(word) for word in re.sub(r"['’]", "", name).split()]
    plain = "-".join(word for word in words if word.isascii() and word)
    return plain[:_LONGEST_ID].strip("-") or "our-school"


def page(first: First) -> str:
    """The file: it can be used as it stands."""
    return (
        "\n".join([*_head(), *_school(first), *_sources(first), *_people(first), *_evidence(), *_rest()])
        + "\n"
    )


def _head() -> Iterator[str]:
    yield from """\
# School Mention Monitor: a first file, made by `monitor init`. It can be used as it stands;
# `monitor check` says what is still to be put in order. docs/settings.md explains every option.
# - What begins with # does nothing. To take up a setting, fill it in and take the # away.
# - Begin lines with spaces, never with tabs.
# - Text with a colon in it, or that begins with # or @, needs quotation marks.
# - Passwords and tokens never stand here: "${NAME}" takes one from the environment.
""".splitlines()
    yield ""


def _school(first: First) -> Iterator[str]:
    school = first.school
    yield "schools:"
    yield f"  - id: {quoted(school.id)}   # never change it: alerts hang on it"
    yield f"    name: {quoted(school.name)}"
    for line in first.told:
        yield f"    # {line}"
    yield "    # What people really write: short names, initials, hashtags, handles."
    yield from _listed("also", school.also)
    if first.perhaps:
        yield "    # Only if nothing else is called so (a place, another school, a firm), under `also`:"
        yield from (f"    #  - {quoted(one)}" for one in first.perhaps)
    yield "    # What tells it from others of its name: add the village, the estate, the road."
    yield from _listed("near", school.near)
    if first.neighbours:
        yield "    # Easily confused with it, the nearest first:"
        yield from (f"    # {_described(each)}" for each in first.neighbours)
    yield "    # Longer names that mean something else: another school, a hospital, a garden centre."
    yield from _listed("not", school.not_)
    yield f"    site: {quoted(school.site)}" if school.site else "    #site: https://www.example.sch.uk"
    yield ""


def _described(neighbour: Neighbour) -> str:
    school = neighbour.school
    where = ", ".join(part for part in (school.town, school.postcode) if part)
    return f"- {school.name}{f', {where}' if where else ''} (URN {school.urn})"


def _listed(option: str, values: Sequence[str]) -> Iterator[str]:
    if not values:
        yield f"    {option}: []"
        return
    yield f"    {option}:"
    yield from (f"      - {quoted(value)}" for value in values)


def _sources(first: First) -> Iterator[str]:
    school = first.school
    tags = [one[1:] for one in school.also if one.startswith("#")] or [_hashtag(school.name)[1:]]
    host = urlsplit(school.site).hostname if school.site else None
    yield "# Only what is public. Begin with the local paper; docs/sources.md tells of all platforms."
    yield "sources:"
    if first.feed:
        yield f"  - {{name: Local paper, platform: feed, url: {quoted(first.feed)}, every: 15m}}"
    else:
        yield f"#  - {{name: Local paper, platform: feed, url: {quoted(_FEED)}, every: 15m}}"
    mastodon = 'name: Mastodon, platform: mastodon, base_url: "https://mastodon.social"'
    yield f"  - {{{mastodon}, tags: {_flow(tags)}, every: 30m}}"
    news = f"  - {{name: News, platform: gdelt, search: {_flow([school.name])}, every: 1h}}"
    if first.is_alone:
        yield f"{news}   # news articles that hold its name"
    else:
        yield "# News articles that hold its name: only if no other school is called so."
        yield f"#{news}"
    feed = f"https://{host or 'www.example.sch.uk'}/news/feed.xml"
    yield "# The school's own pages (`official`): everything said there concerns it."
    yield f"#  - {{name: Our news, platform: feed, url: {quoted(feed)}, official: {quoted(school.id)}}}"
    yield (
        '#  - {name: Our page, platform: facebook, page: OurPage, token: "${FACEBOOK_TOKEN}", '
        f"official: {quoted(school.id)}}}"
    )
    terms = [one for one in school.also if not one.startswith("#")] or [school.name]
    yield (
        "#  - {name: Bluesky, platform: bluesky, handle: ourschool.bsky.social, "
        f'app_password: "${{BLUESKY_PASSWORD}}", search: {_flow(terms)}}}'
    )
    yield ""


def _people(first: First) -> Iterator[str]:
    yield "# Who hears of what: two people in each role, {name: D. Lead, email: dsl@harrowbygreen.example}."
    yield "people:"
    yield f"  dsl: {_person(first.dsl)}   # Designated Safeguarding Leads"
    yield "  deputies: []   # their deputies"
    yield "  head: []   # the Head"
    yield "  chair: []   # the chair of governors, for what concerns the Head"
    yield f"  administrators: {_person(first.administrator)}   # whoever runs this software"
    yield ""


def _person(person: Person | None) -> str:
    return f"[{{name: {quoted(person.name)}, email: {quoted(person.email)}}}]" if person else "[]"


def _evidence() -> Iterator[str]:
    yield "# Who puts the time to evidence, from outside; only a hash is sent. Two are better than one."
    yield "evidence:"
    yield "  authorities:"
    yield from (f"    - {one}" for one in AUTHORITIES)
    yield ""


def _rest() -> Iterator[str]:
    yield from """\
# Without a mail server, messages are only put into the folder data/outbox.
#mail:
#  server: smtp.harrowbygreen.example
#  user: monitor@harrowbygreen.example
#  password: "${MAIL_PASSWORD}"
#  from: monitor@harrowbygreen.example

# Whom to call, in your own area; alerts show it. These numbers are invented.
#contacts:
#  mash: {name: Children's social care (MASH), phone: "01632 960002"}
#  out_of_hours: {name: Emergency duty team, phone: "01632 960003"}
#  lado: {name: LADO, phone: "01632 960001"}
#  prevent: {name: Prevent officer, phone: "01632 960004"}
#  hr_advice: {name: HR helpdesk, phone: "01632 960005"}
#  legal_advice: {name: The council's legal team, phone: "01632 960006"}

# What the school has decided and published.
#governance:
#  dpia: DPIA-2026-07, in the governors' folder
#  notice_url: https://www.harrowbygreen.example/monitoring
#  approved_by: H. Head
#  approved_on: 2026-09-01
#  review_due: 2027-09-01

# A check from outside, which tells somebody when this machine is dead.
#heartbeat:
#  url: "https://checks.example.org/ping/${HEARTBEAT_KEY}"
""".splitlines()


def _flow(values: Sequence[str]) -> str:
    return f"[{', '.join(quoted(value) for value in values)}]"


def quoted(text: str) -> str:
    """A value as it stands in the file: in quotation marks where it needs them, and nothing filled in."""
    text = clean(text).replace("${", "$${")
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return json.dumps(text, ensure_ascii=False)
