"""From a post to its mentions: what the automaton found, tested where it stands, then weighed."""

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice

from connectors.post import Post
from monitor.mentions import standing
from monitor.mentions.folding import Reading, loose, read
from monitor.mentions.naming import Fit, Kind, Rank, TypeWord, fit
from monitor.mentions.register import Clue, Known, Register, Sign, Site
from monitor.mentions.school import Mention
from monitor.mentions.standing import Standing
from monitor.mentions.weighing import Candidate, Cues, Form, NearCue, Occurrence, Part, weigh

_MOST_OF_ONE_NAME = 50  # a text that says one name 10,000 times is no clearer than one that says it 50 times
_MOST_FOREIGN = 200
_BETWEEN = "\n\n"  # no name reaches over an empty line

_MASKS = "*•●█▇×✱∗"
_MASK = re.compile(f"[{_MASKS}]")
_MASKED_WORD = re.compile(rf"(?<![\w{_MASKS}])[^\W_]{{1,20}}[{_MASKS}][\w{_MASKS}]{{0,20}}")
_MASKED_OR_PLAIN = re.compile(rf"[\w'’{_MASKS}]{{1,30}}")
_MOST_MASKED_WORDS = 20
_MOST_NAMES_OF_A_MASK = 2_000
_LONGEST_WINDOW = 60  # characters
_FEWEST_KNOWN_LETTERS = 5
_SMALLEST_KNOWN_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class _Found:
    """A wording where it stands, before it is known which schools it may mean."""

    known: Known
    standing: Standing
    form: Form = Form.NAME


@dataclass(frozen=True, slots=True)
class _Link:
    """A link to a school's site where it stands."""

    site: Site
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the parts of the searched text end, as it came: body, what it answers, links, own address."""

    ends: tuple[int, ...]
    parts: tuple[Part, ...]

    def part_at(self, position: int) -> Part:
        return self.parts[bisect_right(self.ends, position)]


def find_mentions(post: Post, register: Register, official: str | None = None) -> list[Mention]:
    """Every configured school that the post speaks of, the surest first.

    `official` is the id of the school on whose own page the post stands. A mention by a name that only one
    school has stays, whatever text is added before or after it beyond an empty line.
    """
    reading = read(_searched(post))
    hits = register.names.find(reading.letters)
    home = official if official in register.schools else None
    # The way out for nearly all posts: everything below may take its time.
    if not hits and home is None and not _MASK.search(reading.text):
        return []
    found, sites = _all_found(hits, reading, register)
    if not found and not sites and home is None:
        return []
    layout = _lay_out(post)
    occurrences = [*_linked(sites, reading, layout), *_named(found, reading, layout, register)]
    if not occurrences and home is None:
        return []
    cues = _cues(reading, layout, register, occurrences)
    spoken = _longest(_without_bare_places(occurrences, cues))
    return weigh(post, reading, _few_of_each(spoken), cues, home)


def _searched(post: Post) -> str:
    """All that is searched as one text, since one pass is cheaper than four."""
    if not post.parent_text and not post.links:
        return f"{post.body}{_BETWEEN}{post.url}"
    return _BETWEEN.join((post.body, post.parent_text, *post.links, post.url))


def _lay_out(post: Post) -> _Layout:
    """Where the parts of the searched text end."""
    pieces = [(Part.BODY, post.body)]
    if post.parent_text or post.links:
        pieces += [(Part.PARENT, post.parent_text), *((Part.LINK, link) for link in post.links)]
    ends = tuple(accumulate(len(text) + len(_BETWEEN) for _, text in pieces))
    return _Layout(ends, (*(part for part, _ in pieces), Part.ADDRESS))


def _all_found(
    hits: Sequence[tuple[int, int, int]], reading: Reading, register: Register
) -> tuple[list[_Found], list[_Link]]:
    """All names and links that really stand in the text, longer names and shorter ones inside them alike."""
    found = _censored(reading, register) if _MASK.search(reading.text) else []
    links: list[_Link] = []
    for number, first, end in hits:
        for entry in register.names.entries[number]:
            if isinstance(entry, Site):
                where = standing.site_stands(entry.host, entry.path, first, end - first, reading)
                links += [] if where is None else [_Link(entry, *where)]
            elif (one := _found(entry, first, reading)) is not None:
                found.append(one)
    return found, links


def _linked(links: Iterable[_Link], reading: Reading, layout: _Layout) -> Iterator[Occurrence]:
    for link in links:
        candidates = tuple(Candidate(school, Rank.DISTINCTIVE) for school in link.site.schools)
        part = layout.part_at(reading.origin[link.start])
        yield Occurrence(link.start, link.end, part, Form.SITE, link.site.host, candidates)


def _found(known: Known, first: int, reading: Reading) -> _Found | None:
    wording = known.wording
    if wording.kind in (Kind.HASHTAG, Kind.HANDLE):
        stands = standing.tag_stands if wording.kind is Kind.HASHTAG else standing.handle_stands
        where = stands(wording, first, reading)
        form = Form.HASHTAG if wording.kind is Kind.HASHTAG else Form.HANDLE
        return None if where is None else _Found(known, _tag(where), form)
    where_named = standing.standing(wording, first, reading)
    return None if where_named is None else _Found(known, where_named)


def _tag(where: tuple[int, int]) -> Standing:
    return Standing(where[0], where[1], where[1], standing.NO_RUN, in_tag=True, small=False)


def _excluded(found: Iterable[_Found]) -> dict[str, tuple[list[int], list[int]]]:
    """Per school the stretches that its `not` names cover: sorted starts, and the furthest end up to each."""
    ranges: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in found:
        if one.known.wording.kind is Kind.NOT:
            for claim in one.known.claims:
                ranges[claim.school].append((one.standing.start, one.standing.end))
    excluded = {}
    for school, stretches in ranges.items():
        stretches.sort()
        excluded[school] = (
            [start for start, _ in stretches],
            list(accumulate((end for _, end in stretches), max)),
        )
    return excluded


def _is_excluded(stretches: tuple[list[int], list[int]], start: int, end: int) -> bool:
    starts, ends = stretches
    at = bisect_right(starts, start)
    return at > 0 and ends[at - 1] >= end


def _named(
    found: Sequence[_Found], reading: Reading, layout: _Layout, register: Register
) -> Iterator[Occurrence]:
    """What of the found names may mean a school."""
    excluded = _excluded(found)
    viable: dict[tuple[int, tuple[TypeWord, ...]], tuple[Candidate, ...]] = {}
    for one in found:
        where, wording = one.standing, one.known.wording
        if wording.kind is Kind.NOT or (wording.kind is Kind.NAME and standing.is_thing(reading, where)):
            continue
        key = (id(one.known), where.run.words)
        if key not in viable:
            viable[key] = _candidates(one.known, where, register)
        candidates = viable[key]
        if excluded:
            candidates = tuple(
                candidate
                for candidate in candidates
                if candidate.school not in excluded
                or not _is_excluded(excluded[candidate.school], where.start, where.core_end)
            )
        part = layout.part_at(reading.origin[where.start])
        # A feed's address may hold the place's name in each of its posts.
        if candidates and (part is not Part.ADDRESS or where.run.certain):
            yield _occurrence(one, part, candidates, reading.text)


def _occurrence(one: _Found, part: Part, candidates: tuple[Candidate, ...], text: str) -> Occurrence:
    where, wording = one.standing, one.known.wording
    plain = wording.kind is Kind.NAME and not where.in_tag and part in (Part.BODY, Part.PARENT)
    return Occurrence(
        start=where.start,
        end=where.end,
        part=part,
        form=one.form,
        name=f"{wording.shown} {where.run.shown}".strip(),
        candidates=candidates,
        before=standing.place_before(text, where.start) if plain else None,
        after=standing.place_after(text, where.end) if plain else None,
        reach=standing.surroundings(text, where.start, where.end),
        small=where.small,
        typed=bool(where.run.words),
        in_tag=where.in_tag,
    )


def _candidates(known: Known, where: Standing, register: Register) -> tuple[Candidate, ...]:
    """The schools that a wording with these type words may mean."""
    candidates: list[Candidate] = []
    for claim in known.claims:
        rank = claim.typed if where.run.words else claim.bare
        if rank is None:
            continue
        if known.wording.kind is not Kind.NAME:
            candidates.append(Candidate(claim.school, rank))
            continue
        how = fit(register.natures[claim.school], where.run.nature, rank)
        if how is not Fit.NO:
            candidates.append(Candidate(claim.school, rank, how is Fit.DOUBTFUL))
    return tuple(candidates)


def _without_bare_places(occurrences: Iterable[Occurrence], cues: Cues) -> Iterator[Occurrence]:
    """Leave out names that may be the place's alone where the text speaks of no school."""
    for occurrence in occurrences:
        kept = tuple(one for one in occurrence.candidates if one.rank is not Rank.PLACE or cues.school)
        if kept:
            yield (
                occurrence
                if len(kept) == len(occurrence.candidates)
                else replace(occurrence, candidates=kept)
            )


def _longest(occurrences: Iterable[Occurrence]) -> list[Occurrence]:
    """Only the longest where several hold each other; equally long ones become one with all candidates."""
    kept: list[Occurrence] = []
    for occurrence in sorted(occurrences, key=lambda one: (one.start, -one.end)):
        if kept and kept[-1].end >= occurrence.end and occurrence.form is not Form.SITE:
            if (kept[-1].start, kept[-1].end) == (occurrence.start, occurrence.end):
                kept[-1] = _together(kept[-1], occurrence)
            continue
        kept.append(occurrence)
    return kept


def _together(one: Occurrence, other: Occurrence) -> Occurrence:
    """One occurrence for two readings of the same stretch; each school keeps its better rank."""
    best: dict[str, Candidate] = {}
    for candidate in (*one.candidates, *other.candidates):
        before = best.get(candidate.school)
        if before is None or (candidate.rank, not candidate.doubtful) > (before.rank, not before.doubtful):
            best[candidate.school] = candidate
    return replace(one, candidates=tuple(best.values()))


def _few_of_each(occurrences: Iterable[Occurrence]) -> list[Occurrence]:
    seen: Counter[tuple[str, Part, tuple[Candidate, ...], object]] = Counter()
    kept: list[Occurrence] = []
    for occurrence in occurrences:
        key = (
            occurrence.name,
            occurrence.part,
            occurrence.candidates,
            bool(occurrence.before or occurrence.after),
        )
        seen[key] += 1
        if seen[key] <= _MOST_OF_ONE_NAME:
            kept.append(occurrence)
    return kept


class _Cover:
    """The stretches that names take up, to tell a hint from a part of a name."""

    def __init__(self, occurrences: Iterable[Occurrence]) -> None:
        self.taken = sorted(occurrences, key=lambda one: (one.start, one.end))
        self.starts = [one.start for one in self.taken]
        self.schools = [frozenset(candidate.school for candidate in one.candidates) for one in self.taken]

    def holders(self, start: int, end: int) -> Iterator[frozenset[str]]:
        """The schools of the names that hold the stretch; the last four that begin before it are asked."""
        last = bisect_right(self.starts, start)
        for at in range(max(0, last - 4), last):
            if self.taken[at].end >= end:
                yield self.schools[at]


def _cues(reading: Reading, layout: _Layout, register: Register, occurrences: Sequence[Occurrence]) -> Cues:
    """The hints in the whole post that concern the schools which it may speak of."""
    cues = Cues()
    cover = _Cover(occurrences)
    wanted = frozenset().union(*cover.schools)
    near: dict[int, NearCue] = {}
    for number, first, _ in register.clues.find(reading.letters):
        for clue in register.clues.entries[number]:
            if _says_nothing_new(cues, clue):
                continue
            if clue.sign is Sign.NEAR:
                if id(clue) not in near:
                    near[id(clue)] = NearCue(clue.wording.shown, clue.schools & wanted)
                if not near[id(clue)].schools:
                    continue
            where = standing.standing(clue.wording, first, reading)
            if where is None:
                continue
            holders = list(cover.holders(where.start, where.core_end))
            part = layout.part_at(reading.origin[where.start])
            if clue.sign is not Sign.NEAR:
                if not holders:
                    _note(cues, clue, part, where)
            # Harrowby Green does not speak for itself, though it stands near Harrowby.
            elif all(schools.isdisjoint(near[id(clue)].schools) for schools in holders):
                near[id(clue)].note(where.start, where.core_end, in_body=part is Part.BODY)
    cues.near = [cue for cue in near.values() if cue.starts or cue.outside]
    return cues


def _says_nothing_new(cues: Cues, clue: Clue) -> bool:
    """Whether what the clue speaks for is known already: a text may say `school` 100,000 times."""
    if clue.sign is Sign.BRITISH:
        return cues.british
    if clue.sign is Sign.SCHOOL:
        return cues.school
    if clue.sign is Sign.FOREIGN_SCHOOL:
        return clue.wording.exact in cues.foreign
    full = len(cues.foreign_places) >= _MOST_FOREIGN
    return clue.sign is Sign.FOREIGN_PLACE and full and clue.wording.exact in cues.foreign


def _note(cues: Cues, clue: Clue, part: Part, where: Standing) -> None:
    """Add one hint that speaks for no school of its own."""
    if part not in (Part.BODY, Part.PARENT):
        return
    if clue.sign is Sign.BRITISH:
        cues.british = True
    elif clue.sign is Sign.SCHOOL:
        cues.school = True
    else:
        cues.foreign.add(clue.wording.exact)
        if clue.sign is Sign.FOREIGN_PLACE and len(cues.foreign_places) < _MOST_FOREIGN:
            cues.foreign_places.append((where.start, where.core_end))


def _censored(reading: Reading, register: Register) -> list[_Found]:
    """Names some of whose letters are hidden (H*rrowby Green), looked up by what is left of them."""
    found: list[_Found] = []
    for masked in islice(_MASKED_WORD.finditer(reading.text), _MOST_MASKED_WORDS):
        for start, end in _windows(reading.text, masked.start(), masked.end()):
            found += _hidden(start, end, reading, register)
    return found


def _windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches of up to five words round a word that could be one name with it."""
    begin = max(0, start - _LONGEST_WINDOW)
    before = [begin + word.start() for word in _MASKED_OR_PLAIN.finditer(text[begin:start])][-2:]
    after = [end + word.end() for word in _MASKED_OR_PLAIN.finditer(text[end : end + _LONGEST_WINDOW])][:2]
    for first in (start, *before):
        for last in (end, *after):
            yield first, last


def _hidden(start: int, end: int, reading: Reading, register: Register) -> Iterator[_Found]:
    """The names that fit a stretch in which some letters are hidden."""
    stretch = reading.text[start:end]
    pattern = "".join("*" if character in _MASKS else loose(character) for character in stretch)
    known = len(pattern) - pattern.count("*")
    if known < _FEWEST_KNOWN_LETTERS or known < len(pattern) * _SMALLEST_KNOWN_SHARE or pattern[0] == "*":
        return
    fits = re.compile(pattern.replace("*", "."))
    run = standing.type_run(reading, bisect_left(reading.positions, end), known)
    name_end = reading.positions[run.end - 1] + 1 if run.words else end
    for known_name in islice(register.by_shape.get((pattern[0], len(pattern)), ()), _MOST_NAMES_OF_A_MASK):
        wording = known_name.wording
        lured = len(wording.letters) > wording.size
        if fits.match(wording.letters) and (run.words or not lured):
            where = Standing(start, end, name_end, run, in_tag=False, small=False)
            yield _Found(known_name, where, Form.CENSORED)
