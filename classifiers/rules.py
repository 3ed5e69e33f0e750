"""Few, explainable patterns that may never be lost to a model's mood.

The patterns, with their reasons and examples, are data: rules.yaml. They are matched against folded text.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any

import ahocorasick
import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from classifiers.folding import forms
from classifiers.language import language_of
from classifiers.taxonomy import TAXONOMY, Head, Severity
from classifiers.verdict import Fired, Passage, Verdict

_NEAR = 240  # characters on each side in which a reason against a match is looked for, at most
_PATIENCE = 200  # a pattern that is excused more often than this fires: doubt rounds up to a person
_STOPS = (" . ", " ? ")


def _known(key: str) -> str:
    if key not in TAXONOMY:
        raise ValueError(f"no sub-category '{key}'")
    return key


Key = Annotated[str, AfterValidator(_known)]


class Rule(BaseModel):
    """One thing to look for, and why it matters.

    `cues` are words without which no pattern can match: they make looking cheap. `unless` is looked for in
    the sentence of a match, `unless_anywhere` in the whole text. Where somebody only tells what another
    said, the match points to `reported` instead (the domain notes, 2.8).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9-]+$")
    points_to: tuple[Key, ...] = Field(min_length=1)
    minimum: Annotated[Severity, BeforeValidator(Severity.read)]
    reason: str
    cues: tuple[str, ...] = Field(min_length=1)
    patterns: tuple[str, ...] = Field(min_length=1)
    unless: tuple[str, ...] = ()
    unless_anywhere: tuple[str, ...] = ()
    reported: Key | None = None
    fires: tuple[str, ...] = Field(min_length=1)
    silent: tuple[str, ...] = Field(min_length=1)


class Lock(BaseModel):
    """One reason to fetch no picture with a text, whatever else is thought of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    cues: tuple[str, ...] = Field(min_length=1)
    all_of: tuple[str, ...] = Field(min_length=1)
    fires: tuple[str, ...] = Field(min_length=1)
    silent: tuple[str, ...] = Field(min_length=1)


class RuleBook(BaseModel):
    """All rules of one version; `words` are named lists that patterns use as `{name}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    words: Mapping[str, str]
    reported_speech: tuple[str, ...]
    rules: tuple[Rule, ...]
    locks: tuple[Lock, ...]


@lru_cache(maxsize=1)
def shipped() -> RuleBook:
    """The rules that come with the program."""
    text = files("classifiers").joinpath("rules.yaml").read_bytes()
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast
    return RuleBook.model_validate(yaml.load(text, Loader=loader))  # noqa: S506  # both loaders are safe ones


@dataclass(frozen=True, slots=True)
class _Ready:
    """The patterns of a rule, compiled."""

    patterns: tuple[re.Pattern[str], ...]
    unless: re.Pattern[str] | None
    unless_anywhere: re.Pattern[str] | None

    def found(self, text: str) -> Iterator[re.Match[str]]:
        """The matches that nothing excuses, in order of the patterns."""
        if self.unless_anywhere and self.unless_anywhere.search(text):
            return
        for pattern in self.patterns:
            for tried, match in enumerate(pattern.finditer(text)):
                excused = self.unless and self.unless.search(_sentence(text, match))
                if not excused or tried >= _PATIENCE:
                    yield match
                    break


class Rules:
    """Judges by the shipped rules alone; gives reasons and least severities, never a probability."""

    def __init__(self, book: RuleBook | None = None) -> None:
        """Compile the rules; without a book, the shipped one."""
        self._book = book or shipped()
        self._compiled_rules: dict[str, _Ready] = {}

    @property
    def version(self) -> str:
        """Which rules these are."""
        return self._book.version

    @property
    def by(self) -> str:
        """Who says so, and that it is no probability."""
        return f"rules {self.version} only: 1 means that a rule fired, not a probability"

    def classify(self, passages: Sequence[Passage]) -> list[Verdict]:
        """One verdict for each passage, in their order."""
        return [self._judge(passage) for passage in passages]

    def _judge(self, passage: Passage) -> Verdict:
        texts = forms(passage.text)
        fired = tuple(dict.fromkeys(hit for text in texts for hit in self._fired(text)))
        keys = {hit.subcategory for hit in fired}
        locked = any(TAXONOMY[key].locks_media for key in keys) or any(map(self._locks, texts))
        return Verdict(
            abuse=_head(Head.ABUSE, keys),
            safeguarding=_head(Head.SAFEGUARDING, keys),
            reputational=_head(Head.REPUTATIONAL, keys),
            scores=MappingProxyType(self._nothing | dict.fromkeys(keys, 1.0))
            if keys
            else self._nothing_found,
            by=self.by,
            fired=fired,
            media_lock=locked or (bool(passage.parent) and any(map(self._locks, forms(passage.parent)))),
            language=language_of(passage.text),
        )

    def _fired(self, text: str) -> Iterator[Fired]:
        for index in sorted({index for _, indexes in self._rule_cues.iter(text) for index in indexes}):
            rule = self._book.rules[index]
            for match in self._ready(rule).found(text):
                yield from self._said(rule, text, match)

    def _said(self, rule: Rule, text: str, match: re.Match[str]) -> Iterator[Fired]:
        keys = rule.points_to
        if rule.reported and (_quoted(text, match) or self._reported.search(_sentence(text, match))):
            keys = (rule.reported,)
        for key in keys:
            yield Fired(rule.name, key, rule.minimum, rule.reason)

    def _locks(self, text: str) -> bool:
        indexes = {index for _, indexes in self._lock_cues.iter(text) for index in indexes}
        return any(all(part.search(text) for part in self._lock_parts[index]) for index in indexes)

    def _ready(self, rule: Rule) -> _Ready:
        """The rule compiled, at the first text with one of its cues: all at once take a third of a second."""
        if rule.name not in self._compiled_rules:
            self._compiled_rules[rule.name] = _Ready(
                patterns=tuple(self._compiled(pattern) for pattern in rule.patterns),
                unless=self._any_of(rule.unless),
                unless_anywhere=self._any_of(rule.unless_anywhere),
            )
        return self._compiled_rules[rule.name]

    @cached_property
    def _lock_parts(self) -> tuple[tuple[re.Pattern[str], ...], ...]:
        return tuple(tuple(self._compiled(part) for part in lock.all_of) for lock in self._book.locks)

    @cached_property
    def _reported(self) -> re.Pattern[str]:
        return self._compiled("|".join(self._book.reported_speech))

    @cached_property
    def _rule_cues(self) -> ahocorasick.Automaton:
        return _automaton([rule.cues for rule in self._book.rules])

    @cached_property
    def _lock_cues(self) -> ahocorasick.Automaton:
        return _automaton([lock.cues for lock in self._book.locks])

    @cached_property
    def _nothing(self) -> dict[str, float]:
        return {key: 0.0 for rule in self._book.rules for key in (*rule.points_to, rule.reported) if key}

    @cached_property
    def _nothing_found(self) -> Mapping[str, float]:
        return MappingProxyType(self._nothing)

    def _any_of(self, patterns: tuple[str, ...]) -> re.Pattern[str] | None:
        return self._compiled("|".join(patterns)) if patterns else None

    def _compiled(self, pattern: str) -> re.Pattern[str]:
        """The pattern with its word lists written out, bound to whole words."""
        named = re.compile(r"\{([a-z_]+)\}")
        while named.search(pattern):
            pattern = named.sub(lambda name: f"(?:{self._book.words[name.group(1)]})", pattern)
        return re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z0-9])")


def _automaton(cues: Sequence[tuple[str, ...]]) -> ahocorasick.Automaton:
    """Finds which entries have a cue in a text, in one pass however many there are."""
    owners: dict[str, set[int]] = {}
    for index, words in enumerate(cues):
        for word in words:
            owners.setdefault(word, set()).add(index)
    automaton = ahocorasick.Automaton()
    for word, indexes in owners.items():
        automaton.add_word(word, tuple(indexes))
    automaton.make_automaton()
    return automaton


def _sentence(text: str, match: re.Match[str]) -> str:
    """The sentence round a match, not more than so much of it."""
    first, last = max(0, match.start() - _NEAR), match.end() + _NEAR
    begin = max(text.rfind(stop, first, match.start() + 1) for stop in _STOPS)
    ends = [end for stop in _STOPS if (end := text.find(stop, match.end() - 1, last)) >= 0]
    return text[begin + 3 if begin >= 0 else first : min(ends, default=last)]


def _quoted(text: str, match: re.Match[str]) -> bool:
    """Whether quotation marks stand round the match."""
    before = text.count('"', max(0, match.start() - _NEAR), match.start())
    return before % 2 == 1 and '"' in text[match.end() : match.end() + _NEAR]


def _head(head: Head, keys: set[str]) -> float:
    return float(any(TAXONOMY[key].head is head for key in keys))
