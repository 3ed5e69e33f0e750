"""How fast mentions are found: against a bare automaton, and with 24,000 names against one.

Prints ratios of processor time measured in one run, each the median of several rounds in turn, since
machines differ and waver. With one name as with 24,000, one post in a hundred names a school: what is
compared is the number of names, not of mentions.
Exits 1 when a ratio misses its limit.
"""

import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence

import ahocorasick

from connectors.post import Post
from monitor.mentions.finding import find_mentions
from monitor.mentions.register import Register
from monitor.mentions.school import School

SCHOOLS = 24_000
ST_MARYS = 200
POSTS = 10_000
MENTIONING = 100  # one post in so many
ROUNDS = 9
SLOWEST_AGAINST_BARE = 6.0
SLOWEST_AGAINST_ONE_NAME = 1.5


def _split(text: str) -> list[str]:
    return text.split()


_STARTS = _split("""
    Harrow Grant Stam Lin Kess Wil Bour Mar Ket Nor Tet Ald Brack Cold Den El Fos Gon Hag Ing Kirk Lang
    Mel Nave Old Pick Quar Rop Scot Tal Up Wad Yar Bas Car Dod East Ful Gra Hol Ir Kel Lud Mor Net Os
    Pot Ris Sed Thor Wel Ash
""")
_MIDDLES = _split("""
    ing er en ley ber mer wick stan dle ke the ra na li
""")
_ENDS = _split("""
    by ton ham wick thorpe ford field ley worth well stead borough holme toft sey combe den mere stow
    gate
""")
_SECONDS = (
    "Green",
    "Park",
    "Lane",
    "Hill",
    "Road",
    "Bridge",
    "Cross",
    "Heath",
    "Common",
    "Vale",
    "",
    "",
    "",
    "",
)
_KINDS = (
    "Primary School",
    "Primary School",
    "Community Primary School",
    "CofE Primary School",
    "Church of England Primary School",
    "Catholic Primary School",
    "Infant School",
    "Junior School",
    "Academy",
    "Primary Academy",
    "High School",
    "School",
    "Grammar School",
    "Nursery School",
)
# Most frequent first.
_ORDINARY = _split("""
    the i to a and you it of is that in my for on me was so this be have just with not at but like all
    are we do they up out if what get can no one about from know when your how don't will he more time
    she people day there good as an go some by love think now got want or really today see who her his
    them then going why back because had make never would need too been new only off work still over
    right us life man than work please last thing always something someone feel great other him home
    their shit even after better down into night before again where week said could which year way
    should thanks here best sure everyone look did much happy first real take has let game ever oh
    getting thought show watch morning friends being trying maybe through yes stop old bad little very
    call two those these girl help hope long big most keep any whole family music phone house play world
    season video team weekend doing must start anything money might won story movie every between tell
    hate such football actually tomorrow stuff birthday mean few friend coffee hours leave beautiful god
    lost car news using read head dinner rain job place find free eat line number party sorry sleep
    class believe kids while tired change same crazy under nothing talk each end food high name stay
    room away black white hair water dog red
""")
# What school names are made of is rare in ordinary talk.
_OF_NAMES = _split("""
    town street garden school park hill green church council police teacher station market road bridge
    primary lane hospital george mary saint academy centre nursery infant junior grammar catholic farm
    nurse
""")
_WORDS = (*_ORDINARY, *_OF_NAMES)
_WEIGHTS = [1 / (rank + 8) for rank in range(len(_ORDINARY))] + [0.0005] * len(_OF_NAMES)


def places(chance: random.Random, count: int) -> list[str]:
    """Invented English place names, all different."""
    found: dict[str, None] = {}
    while len(found) < count:
        stem = chance.choice(_STARTS) + chance.choice(("", *_MIDDLES)) + chance.choice(_ENDS)
        found[" ".join(filter(None, (stem, chance.choice(_SECONDS))))] = None
    return list(found)


def schools(chance: random.Random) -> list[School]:
    """24,000 schools, 200 of them called St Mary's, each near a place of its own."""
    towns = places(chance, 3_000)
    made = [
        School(id=f"s{number}", name=f"{place} {chance.choice(_KINDS)}", near=(chance.choice(towns),))
        for number, place in enumerate(places(chance, SCHOOLS - ST_MARYS))
    ]
    saints = [
        School(id=f"m{number}", name=f"St Mary's {chance.choice(_KINDS[:6])}", near=(towns[number],))
        for number in range(ST_MARYS)
    ]
    return made + saints


def posts(named: Sequence[School]) -> list[Post]:
    """Invented posts of about 40 words, one in a hundred with the name of one of the schools.

    One in five has a typographic apostrophe. Apart from the names they are always the same.
    """
    chance = random.Random(20)
    made = []
    for number in range(POSTS):
        words = chance.choices(_WORDS, _WEIGHTS, k=chance.randint(10, 70))
        words[0] = words[0].capitalize()
        if number % MENTIONING == 0:
            school = named[chance.randrange(SCHOOLS) % len(named)]
            words.insert(chance.randrange(len(words)), f"{school.name} in {school.near[0]}")
        if number % 5 == 0:
            words.append("it’s true")
        made.append(
            Post(platform="bench", id=str(number), url="https://example.org/1", text=" ".join(words) + ".")
        )
    return made


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def bare_automaton(names: Sequence[str]) -> ahocorasick.Automaton:
    """What there is to beat: the names as they are, in small letters."""
    automaton = ahocorasick.Automaton()
    for name in names:
        automaton.add_word(name.lower(), name)
    automaton.make_automaton()
    return automaton


def measure() -> bool:
    """Print the figures; true if all limits hold."""
    chance = random.Random(20)
    everyone = schools(chance)
    texts = posts(everyone)
    texts_of_one = posts(everyone[:1])
    lowered = [post.body.lower() for post in texts]
    bare = bare_automaton([school.name for school in everyone])

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    register = Register(everyone)
    building = time.process_time() - start
    megabytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    one_name = Register(everyone[:1])

    def by_bare() -> int:
        return sum(1 for text in lowered for _ in bare.iter(text))

    def by_ours(known: Register, those: Sequence[Post]) -> int:
        return sum(len(find_mentions(post, known)) for post in those)

    runs: tuple[Callable[[], int], ...] = (
        by_bare,
        lambda: by_ours(register, texts),
        lambda: by_ours(one_name, texts_of_one),
    )
    rounds = [[seconds(run) for run in runs] for _ in range(ROUNDS)]
    against_bare = statistics.median(ours / plain for plain, ours, _ in rounds)
    against_one = statistics.median(ours / one for _, ours, one in rounds)
    per_second = POSTS / statistics.median(ours for _, ours, _ in rounds)

    found = by_ours(register, texts)
    print(f"mentions: {SCHOOLS:,} schools, {ST_MARYS} of them St Mary's; {POSTS:,} posts, {found} mentions")
    print(f"  built in {building:.1f} s, at most {megabytes:.0f} MB more memory")
    print(f"  {per_second:,.0f} posts a second")
    print(f"  cost against a bare automaton: {against_bare:.2f} times (limit {SLOWEST_AGAINST_BARE})")
    print(f"  cost against our own with one name: {against_one:.2f} times (limit {SLOWEST_AGAINST_ONE_NAME})")
    return against_bare <= SLOWEST_AGAINST_BARE and against_one <= SLOWEST_AGAINST_ONE_NAME


if __name__ == "__main__":
    sys.exit(0 if measure() else 1)
