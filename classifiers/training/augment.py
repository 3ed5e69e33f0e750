"""Making a text look as it might have been typed by somebody else, so that its wording alone is learnt from.

Nothing here changes what a text means, so labels stay as they are.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random

_LEET = str.maketrans({"a": "4", "e": "3", "i": "1", "o": "0", "s": "5", "t": "7"})
_STARRED = re.compile(r"[aeiou]")
_NEIGHBOURS = {
    "a": "s",
    "e": "r",
    "i": "o",
    "o": "p",
    "n": "m",
    "t": "y",
    "s": "d",
    "r": "t",
    "l": "k",
    "h": "g",
}
_PLAIN_EMOJI = ("😀", "😂", "🙏", "👍", "🤔", "😅", "🎉", "👀", "🙄", "😊", "✨", "🤷", "😭", "💀", "❤️", "‼️")
_OTHER_PEOPLE = 0.7  # of texts that name a group, in this share it is another group of the same list
_SCHOOL = re.compile(
    r"\b(?:St\.? [A-Z][\w'’]+|[A-Z][\w'’]+(?: [A-Z][\w'’]+){0,2}) "
    r"(?:(?:C ?of ?E|CE|RC|Catholic|Community|Church) )?"
    r"(?:Primary|Infants?|Juniors?|High|Secondary|Grammar|Academy|College|School)(?: (?:School|Academy))?\b"
)
_HANDLE = re.compile(r"@\w+")
# fmt: off
_FIRST = (
    "Alder", "Birch", "Cold", "Dun", "Elm", "Fair", "Gran", "Hart", "Ivy", "Kings", "Lang", "Marsh",
    "North", "Oak", "Pen", "Ridge", "Sand", "Thorn", "West", "Wick",
)
_LAST = (
    "borough", "bridge", "bury", "combe", "dale", "field", "ford", "gate", "ham", "hill", "hurst",
    "ley", "mere", "moor", "ness", "stead", "ton", "well", "wood", "worth",
)
_GROUPS = (
    ("Muslim", "Christian", "Jewish", "Hindu", "Sikh", "Buddhist", "Catholic", "Methodist", "Quaker"),
    ("Muslims", "Christians", "Jews", "Hindus", "Sikhs", "Buddhists", "Catholics", "Methodists", "Quakers"),
    ("Polish", "Romanian", "Nigerian", "Somali", "Pakistani", "Indian", "Chinese", "Irish", "Welsh",
     "Turkish", "Scottish", "Jamaican", "Ukrainian", "Bangladeshi", "Italian", "Ghanaian", "Afghan"),
    ("gay", "lesbian", "bisexual", "straight", "queer", "pansexual", "heterosexual"),
    ("trans", "transgender", "non-binary", "cisgender", "gender-fluid"),
    ("autistic", "deaf", "blind", "disabled", "dyslexic", "epileptic", "neurodivergent", "dyspraxic"),
    ("Traveller", "Gypsy", "Roma", "refugee", "immigrant", "asylum-seeking"),
)
_DIALECTS: tuple[Mapping[str, str], ...] = (
    {"nothing": "nowt", "something": "summat", "anything": "owt", "the": "t'", "my": "me", "was": "were",
     "yes": "aye", "isn't": "in't", "wasn't": "weren't", "very": "right", "child": "bairn", "mum": "mam",
     "give": "gi", "with": "wi", "myself": "mesen", "himself": "hissen", "always": "allus", "over": "ower"},
    {"not": "no", "know": "ken", "my": "ma", "to": "tae", "do": "dae", "of": "o", "out": "oot", "you": "ye",
     "can't": "cannae", "don't": "dinnae", "won't": "willnae", "isn't": "isnae", "doesn't": "disnae",
     "with": "wi", "from": "fae", "children": "weans", "child": "wean", "going": "gaun", "about": "aboot",
     "down": "doon", "now": "noo", "house": "hoose", "little": "wee", "girl": "lassie", "boy": "laddie",
     "yes": "aye", "have": "hae", "was": "wis", "home": "hame", "old": "auld"},
    {"children": "bairns", "child": "bairn", "going": "gannin", "go": "gan", "our": "wor", "my": "me",
     "you": "ye", "don't": "divvent", "know": "knaa", "mum": "mam", "nothing": "nowt", "yes": "aye",
     "home": "hyem", "girl": "lass", "boy": "lad", "pretty": "canny", "me": "us", "do": "dee"},
    {"my": "me", "you": "youse", "mum": "ma", "very": "dead", "friend": "mucker", "girl": "bird",
     "boy": "lad", "the": "de", "with": "wid", "your": "yer", "myself": "meself", "isn't": "ain't"},
    {"the": "da", "that": "dat", "them": "dem", "with": "wiv", "thing": "ting", "very": "bare",
     "isn't": "ain't", "friend": "bruv", "friends": "mandem", "boy": "yout", "girl": "gyal", "there": "dere",
     "my": "man's", "really": "bare", "home": "yard", "going": "gonna", "know": "kno", "nothing": "nuttin"},
    {"think": "fink", "nothing": "nuffink", "something": "sumfink", "with": "wiv", "my": "me", "your": "yer",
     "isn't": "ain't", "hasn't": "ain't", "you": "ya", "mother": "muvver", "brother": "bruvver", "has": "'as",
     "have": "'ave", "he": "'e", "her": "'er", "him": "'im", "home": "'ome", "house": "'ouse"},
    {"are": "be", "is": "be", "am": "be", "you": "ee", "very": "proper", "friend": "my lover",
     "them": "they", "those": "they", "child": "nipper", "children": "nippers", "isn't": "b'aint"},
    {"you": "yous", "little": "wee", "yes": "aye", "now": "nai", "mum": "mammy",
     "children": "weans", "girl": "wee girl", "boy": "wee lad", "my": "my ain"},
    {"very": "tidy", "mum": "mam", "little": "dwt", "grandmother": "nan",
     "children": "kiddies", "hug": "cwtch", "boy": "boyo", "this": "this by here"},
    {"the": "d", "is": "dey", "children": "pikin dem", "child": "pikin", "very": "well well",
     "please": "abeg", "nothing": "notin", "want": "wan", "that": "dat", "they": "dem",
     "this": "dis", "know": "sabi"},
)
_NOT_ALWAYS = frozenset({"straight", "blind"})  # which mean other things, too: put in, never taken out
# fmt: on
_GROUP_OF = {word: group for group in _GROUPS for word in group}
_LETTERS = re.compile(r"[A-Za-z]+(?:['’][a-z]+)?")
_IDENTITY = re.compile(rf"\b(?:{'|'.join(sorted(_GROUP_OF.keys() - _NOT_ALWAYS))})\b(?!-)")
_KINDS = (
    "Primary",
    "Academy",
    "High School",
    "School",
    "Community Primary School",
    "College",
    "Infants",
    "Juniors",
)


def altered(text: str, others: Sequence[str], chance: Random) -> str:
    """The text as another might have typed it; `others` are harmless texts that may stand beside it."""
    if chance.random() < 0.35:
        text = _SCHOOL.sub(lambda _: _school(chance), text)
    if chance.random() < _OTHER_PEOPLE:
        text = _IDENTITY.sub(lambda found: chance.choice(_GROUP_OF[found[0]]), text)
    text = _HANDLE.sub("@user", text)
    for share, change in _CHANGES:
        if chance.random() < share:
            text = change(text, chance)
    for _ in range(_beside(chance) if others else 0):
        other = chance.choice(others)
        text = f"{other} {text}" if chance.random() < 0.5 else f"{text} {other}"
    return text


def _beside(chance: Random) -> int:
    """How many harmless texts stand beside one: mostly none, often one, now and then many."""
    return chance.choices((0, 1, chance.randint(3, 8)), (0.77, 0.17, 0.06))[0]


def _school(chance: Random) -> str:
    return f"{chance.choice(_FIRST)}{chance.choice(_LAST)} {chance.choice(_KINDS)}"


def _words(text: str, chance: Random, share: float, change: "re.Pattern[str]") -> list[tuple[int, int]]:
    """Where the words lie that are to be changed: a share of those that the pattern matches."""
    return [match.span() for match in change.finditer(text) if chance.random() < share]


def _each(text: str, spans: Sequence[tuple[int, int]], new: "list[str]") -> str:
    for (start, end), word in reversed(list(zip(spans, new, strict=True))):
        text = text[:start] + word + text[end:]
    return text


_WORD = re.compile(r"[A-Za-z]{4,}")


def _typos(text: str, chance: Random) -> str:
    spans = _words(text, chance, 0.12, _WORD)
    return _each(text, spans, [_typo(text[a:b], chance) for a, b in spans])


def _typo(word: str, chance: Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    return chance.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at] + word[at:],
            word[:at] + _NEIGHBOURS.get(word[at], word[at]) + word[at + 1 :],
        )
    )


def _leet(text: str, chance: Random) -> str:
    spans = _words(text, chance, 0.3, _WORD)
    return _each(text, spans, [text[a:b].translate(_LEET) for a, b in spans])


def _starred(text: str, chance: Random) -> str:
    spans = _words(text, chance, 0.2, _WORD)
    return _each(text, spans, [text[a] + _STARRED.sub("*", text[a + 1 : b], count=1) for a, b in spans])


def _spaced(text: str, chance: Random) -> str:
    spans = _words(text, chance, 0.12, _WORD)
    return _each(text, spans, [" ".join(text[a:b]) for a, b in spans])


def _elongated(text: str, chance: Random) -> str:
    spans = _words(text, chance, 0.12, _WORD)
    return _each(text, spans, [text[a:b] + text[b - 1] * chance.randint(1, 4) for a, b in spans])


def _dialect(text: str, chance: Random) -> str:
    """As somebody from elsewhere might spell it: most of the words that have another form there."""
    forms, share = chance.choice(_DIALECTS), chance.choice((0.5, 0.9))

    def said(found: "re.Match[str]") -> str:
        form = forms.get(found[0].lower().replace("’", "'"))
        return form if form and chance.random() < share else found[0]

    return _LETTERS.sub(said, text)


def _bare(text: str, _: Random) -> str:
    return re.sub(r"['’.,!?;:]", "", text)


def _emoji(text: str, chance: Random) -> str:
    return f"{text} {chance.choice(_PLAIN_EMOJI) * chance.randint(1, 2)}"


def _handle(text: str, _: Random) -> str:
    return f"@user {text}"


def _tagged(text: str, chance: Random) -> str:
    return f"{text} #{chance.choice(_FIRST)}{chance.choice(_LAST)}"


def _at_school(text: str, chance: Random) -> str:
    return f"{_school(chance)}: {text}" if chance.random() < 0.5 else f"{text} ({_school(chance)})"


_CHANGES = (
    (0.12, _dialect),
    (0.12, _typos),
    (0.05, _leet),
    (0.05, _starred),
    (0.04, _spaced),
    (0.05, _elongated),
    (0.20, _bare),
    (0.12, _emoji),
    (0.06, _handle),
    (0.06, _tagged),
    (0.10, _at_school),
)
