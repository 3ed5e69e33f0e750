"""What a source may search for: the school, and never a person or what people believe (BAN-4.1.13).

Every setting that a connector names as `searched` is held to it when the file is read.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from connectors.registry import PLATFORMS
from monitor.config.problems import Trail
from monitor.mentions.folding import strict
from monitor.mentions.naming import TYPES, Kind, Rank, is_trimmed, name_and_places, wordings
from monitor.mentions.school import School, site_parts

_SEARCHED = {platform.name: platform.connector.searched for platform in PLATFORMS}
_ADDRESS = "url"
_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_EITHER = re.compile(r"\bOR\b|\|")
# A minus or NOT leaves out a whole group or phrase: -(one two), -title:"one two".
_LEFT_OUT = re.compile(
    r"(?:^|(?<=[\s(]))(?:[-!](?!\s)|NOT\s+)(?:\"[^\"]*\"?|\((?:[^()]|\([^()]*\))*\)?|[^\s)\"(])*"
)
_OPERATOR = re.compile(r"(?<!\w)([a-z_-]{2,20}):(?!//)\s*\"?([^\s\")]*)", re.I)
_HANDLE = re.compile(r"(?:(?<![\w.])[@＠]|(?<!\w)/?u(?:ser)?/)([\w.-]*\w)", re.I)
_FEED_ENDING = re.compile(r"\.(?:rss|atom|xml|json)$", re.I)
_TITLES = frozenset(["mr", "mrs", "ms", "miss", "mx", "dr", "sir", "dame", "prof", "professor"])
_NAMED = re.compile(r"[A-Z][^\W\d_]*[a-z]")
_LONGEST_PHRASE = 6
_LONGEST_TYPE = 3


def _phrases(written: str) -> frozenset[str]:
    return frozenset(strict(one) for one in written.split(","))


_ASKED_IN_ADDRESS = _phrases(
    "q, query, search, search query, search term, s, keyword, keywords, term, terms, phrase, as q, as oq, "
    "as epq, author"
)
_BY_PERSON = _phrases(
    "from, to, author, user, username, by, mention, mentions, retweets of, did, bio, bio name, "
    "assigned, creator"
)
_BY_FRIENDS = _phrases("follows, followers, followed by, following, friends, list, group")
_BY_GROUND = _phrases(
    "near, within, geocode, geo, point radius, bounding box, place, place country, bio location"
)
# What DOMAIN.md 4.4 shuts out of searches: unions, protest, the inspectorate, faith, origin and love.
_FORBIDDEN = _phrases(
    "neu, nasuwt, nut, unison, gmb, naht, ascl, ucu, eis, ssta, tuc, unite the union, education union, "
    "teachers union, trade union, union, unions, unionist, unionists, strike, strikes, strikers, striking, "
    "picket, pickets, picketing, walkout, protest, protests, protester, protesters, protesting, "
    "demonstration, demonstrations, demonstrators, rally, boycott, petition, black lives matter, blm, "
    "extinction rebellion, just stop oil, palestine action, free palestine, fridays for future, "
    "stop the war, ofsted, estyn, christian, christians, catholic, catholics, protestant, protestants, "
    "muslim, muslims, "
    "islam, islamic, islamist, mosque, jew, jews, jewish, judaism, synagogue, hindu, hindus, hinduism, "
    "sikh, sikhs, sikhism, buddhist, buddhists, atheist, atheists, religion, religious, hijab, niqab, burka, "
    "gypsy, gypsies, traveller, travellers, roma, romani, black, blacks, white, whites, asian, asians, "
    "african, africans, caribbean, arab, arabs, pakistani, pakistanis, bangladeshi, indian, indians, "
    "chinese, polish, romanian, somali, turkish, kurdish, ukrainian, syrian, afghan, ethnic, ethnicity, "
    "race, racial, immigrant, immigrants, migrant, migrants, refugee, refugees, asylum, asylum seeker, "
    "asylum seekers, foreigner, foreigners, gay, gays, lesbian, lesbians, bisexual, bisexuals, homosexual, "
    "homosexuals, trans, transgender, transsexual, queer, lgbt, lgbtq, lgbtqia, sexuality, non binary, "
    "nonbinary"
)

_NAME_THE_SCHOOL = (
    "a search must name the school: write one of its names, hashtags or handles as they stand under schools, "
    "or its site; a name that is missing there goes under also. Nobody is searched for by name (BAN-4.1.13)"
)
_EACH_ALTERNATIVE = (
    "each side of OR is a search of its own and must name the school (BAN-4.1.13): write each as an item of "
    "its own"
)
_PERSON = (
    "a search may not follow one person (from:, author:, @name): only the school's own handles, which stand "
    "under also, may be named so (BAN-4.1.13)"
)
_TITLED = "a search may not name a person (Mr, Mrs, Dr …): leave the name out (BAN-4.1.13)"
_NAME_FIRST = (
    "this looks like a person's name before the school's: nobody is searched for by name (BAN-4.1.13). Leave "
    "it out; if it is a place, write it under near of the school"
)
_FORBIDDEN_WORD = (
    "a search may not ask for unions, protests, inspections, faith, origin or sexuality ('{}'): leave that "
    "word out (BAN-4.1.13)"
)
_FRIENDS = "a search may not look at who follows whom (BAN-4.1.13): leave this out"
_GROUND = "a search may not be bound to a place on the map (BAN-4.1.13): leave this out, and name the school"


@dataclass(frozen=True, slots=True)
class _Names:
    """What names any of the schools, as folded letters.

    `partly` are names that mean the school only with a type word or a place beside them. `hosts` are
    sites, with their paths.
    """

    wholly: Collection[str]
    partly: Collection[str]
    beside: Collection[str]
    handles: Collection[str]
    hosts: Collection[str]


def refused_searches(data: Any) -> Iterator[tuple[Trail, str]]:
    """Each search term that is no search for a school, with its path; other mistakes are passed over."""
    terms = list(_terms(data))
    schools = list(_schools(data)) if terms else []
    if schools and None not in schools:
        names = _names_of([school for school in schools if school is not None])
        for path, term in terms:
            if said := _refusal(term, names):
                yield path, said


def _terms(data: Any) -> Iterator[tuple[Trail, str]]:
    for number, source in enumerate(_items(data, "sources")):
        if not isinstance(source, Mapping):
            continue
        for setting in _SEARCHED.get(str(source.get("platform")), ()):
            written = source.get(setting)
            if setting == _ADDRESS and isinstance(written, str):
                yield from ((("sources", number, setting), term) for term in _asked_by(written))
            elif isinstance(written, list):
                for place, term in enumerate(written):
                    if isinstance(term, str) and term.strip():
                        yield ("sources", number, setting, place), term


def _asked_by(address: str) -> list[str]:
    """What an address of a feed or page asks a search for, if it is one, and whose posts it shows."""
    try:
        parts = urlsplit(address)
    except ValueError:  # said already, where every option is checked
        return []
    people = _HANDLE.findall(_FEED_ENDING.sub("", unquote(parts.path)))
    words = [
        f"author:{word}" if strict(name) == "author" else word
        for name, word in parse_qsl(parts.query)
        if strict(name) in _ASKED_IN_ADDRESS
    ]
    return [*(f"author:{name}" for name in people), *words]


def _items(data: Any, key: str) -> Sequence[Any]:
    found = data.get(key) if isinstance(data, Mapping) else None
    return found if isinstance(found, list) else []


def _schools(data: Any) -> Iterator[School | None]:
    """Each school; None for one that cannot be read, of which its own mistake is said."""
    for item in _items(data, "schools"):
        try:
            yield School.model_validate(item)
        except ValidationError:
            yield None


def _names_of(schools: Sequence[School]) -> _Names:
    wholly, partly = set[str](), set[str]()
    # Another faith than that of its name is no word for the school.
    beside = {letters for letters, word in TYPES.items() if not (word.weak or word.faith)}
    for school in schools:
        name, places = name_and_places(school)
        wholly |= {strict(one) for one in (school.name, name, *school.also)}
        beside |= {strict(word) for word in (*places, *_own_types(name))}
        for wording, claim in wordings(school):
            if wording.kind is not Kind.NOT:
                alone = claim.bare is not None and claim.bare is not Rank.PLACE
                (wholly if alone else partly).add(wording.exact)
    return _Names(
        wholly=wholly,
        partly=partly,
        beside=beside,
        handles={strict(one) for school in schools for one in school.also if one[0] in "@＠"},
        hosts={"".join(site_parts(school.site)) for school in schools if school.site},
    )


def _own_types(name: str) -> Iterator[str]:
    """The words of a school's name that say what kind of school it is, ordinary ones as High too."""
    words = _WORD.findall(name)
    for start, end, run in _runs([strict(word) for word in words]):
        known = TYPES.get(run)
        if known is not None and not is_trimmed(known):
            yield "".join(words[start:end])


def _refusal(term: str, names: _Names) -> str:
    """Why this may not be searched for; empty where it may."""
    for operator, value in _OPERATOR.findall(term):
        kind = strict(operator)
        if kind in _BY_PERSON and strict(value) not in names.handles:
            return _PERSON
        if kind in _BY_FRIENDS or kind in _BY_GROUND:
            return _FRIENDS if kind in _BY_FRIENDS else _GROUND
    if any(strict(handle) not in names.handles for handle in _HANDLE.findall(term)):
        return _PERSON
    asked = _EITHER.split(_LEFT_OUT.sub(" ", term))
    said = [_refusal_of_words(words, names) for words in asked if len(asked) == 1 or words.strip(" ()\"'")]
    if len(asked) > 1 and _NAME_THE_SCHOOL in said:
        return _EACH_ALTERNATIVE
    return next(filter(None, said), "" if said else _NAME_THE_SCHOOL)


def _refusal_of_words(term: str, names: _Names) -> str:
    term, has_site = _without_sites(term, names.hosts)
    words = [part for word in _WORD.findall(term) for part in _CAMEL.split(word)]
    letters = [strict(word) for word in words]
    ours, called = _ours(letters, names)
    others = [letter if number not in called else "" for number, letter in enumerate(letters)]
    for start, end, run in _runs(others):
        if run in _FORBIDDEN:
            return _FORBIDDEN_WORD.format(" ".join(words[start:end]))
    if not _TITLES.isdisjoint(others):
        return _TITLED
    if not (has_site or ours):
        return _NAME_THE_SCHOOL
    before = range(min(ours, default=len(words)))
    return _NAME_FIRST if _has_two_names(["" if one in called else words[one] for one in before]) else ""


def _without_sites(term: str, hosts: Collection[str]) -> tuple[str, bool]:
    """The term without the school's site, and whether it was there; a site is no part of a longer one."""
    for host in hosts:
        site = rf"(?:https?://)?(?<![\w.-])(?:www\.)?{re.escape(host)}(?![\w-]|\.\w)[^\s\"')]*"
        without = re.sub(site, " ", term, flags=re.I)
        if without != term:
            return without, True
    return term, False


def _runs(letters: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Every few words that stand together, from where to where, and their letters; none across a gap."""
    for start in range(len(letters)):
        for end in range(start + 1, min(start + _LONGEST_PHRASE, len(letters)) + 1):
            if not letters[end - 1]:
                break
            yield start, end, "".join(letters[start:end])


def _ours(letters: Sequence[str], names: _Names) -> tuple[frozenset[int], frozenset[int]]:
    """Which of the words name the school, and which stand in anything that it or its place is called.

    A name counts only where it is whole words. Black Horse Hill may be only a place, yet asks for nobody's
    origin.
    """
    longest = max(map(len, (*names.wholly, *names.partly, *names.beside)), default=0)
    ours, called = set[int](), set[int]()
    for start in range(len(letters)):
        run = ""
        for end in range(start, len(letters)):
            run += letters[end]
            if len(run) > longest:
                break
            if run in names.wholly or run in names.partly:
                company = _with_company(letters, start, end + 1, names)
                called |= company
                if run in names.wholly or len(company) > end + 1 - start:
                    ours |= company
            elif run in names.beside:
                called.update(range(start, end + 1))
    return frozenset(ours), frozenset(called)


def _with_company(letters: Sequence[str], start: int, end: int, names: _Names) -> set[int]:
    """The words of a name with the type words and places that stand right before and after it."""
    while start and (size := _beside(letters[max(0, start - _LONGEST_TYPE) : start], names, last=True)):
        start -= size
    while size := _beside(letters[end : end + _LONGEST_TYPE], names, last=False):
        end += size
    return set(range(start, end))


def _beside(letters: Sequence[str], names: _Names, *, last: bool) -> int:
    """How many of the last or first of these words are one type word or place; 0 for none."""
    for size in range(len(letters), 0, -1):
        if "".join(letters[-size:] if last else letters[:size]) in names.beside:
            return size
    return 0


def _has_two_names(words: Sequence[str]) -> bool:
    return any(_NAMED.fullmatch(one) and _NAMED.fullmatch(other) for one, other in pairwise(words))
