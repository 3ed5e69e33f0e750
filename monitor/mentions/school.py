"""The nouns: a school as people describe it, and a mention of one as we find it."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from connectors.post import Post
from monitor.mentions.folding import strict

_FEWEST_LETTERS = 3
_FEWEST_LETTERS_NEAR = 2  # E1 and G4 are postcode districts
_MOST_CHARACTERS = 120
_SITE = re.compile(
    r"(?:https?://)?(?:www\.)?([^\s/?#:@]+\.[^\s/?#:@]+?)\.?(?::\d+)?(/[^\s?#]*)?", re.IGNORECASE
)
_FRONT_PAGE = re.compile(r"/+(?:home|index|default)?(?:\.\w+)?/*", re.IGNORECASE)


def site_parts(site: str) -> tuple[str, str]:
    """Host without `www.` and path without its last slash, both in lower case; a front page has no path."""
    match = _SITE.fullmatch(site.strip())
    if match is None:
        raise ValueError(f'"{site}" is not the address of a web site: write it as https://www.example.sch.uk')
    host, path = match[1].lower(), match[2] or ""
    return host, "" if _FRONT_PAGE.fullmatch(path) else path.rstrip("/").lower()


def _long_enough(written: str, fewest: int) -> str:
    if len(strict(written)) < fewest:
        raise ValueError(
            f'"{written}" is too short to be found safely: write at least {fewest} letters or digits'
        )
    if len(written) > _MOST_CHARACTERS:
        raise ValueError(f'"{written[:30]}…" is too long: write at most {_MOST_CHARACTERS} characters')
    return written


class School(BaseModel):
    """What we look after: its names, how others write them, what is near it, and what it is not."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9][a-z0-9-]{0,63}$",
            description="A short fixed handle, never changed later; the school's URN is a good one.",
        ),
    ]
    name: Annotated[str, Field(min_length=3, max_length=_MOST_CHARACTERS, description="The full name.")]
    also: Annotated[
        tuple[str, ...],
        Field(description="Other names: short forms, initials, #hashtags, @handles."),
    ] = ()
    near: Annotated[
        tuple[str, ...],
        Field(description="Places, postcodes and landmarks near it: they tell it from others of its name."),
    ] = ()
    not_: Annotated[
        tuple[str, ...],
        Field(alias="not", description="Longer names that hold this one and mean something else."),
    ] = ()
    site: Annotated[
        str | None,
        Field(description="The address of its web site; a link to it is a mention."),
    ] = None

    @field_validator("name")
    @classmethod
    def _a_name_that_can_be_found(cls, written: str) -> str:
        return _long_enough(written, _FEWEST_LETTERS)

    @field_validator("also", "not_")
    @classmethod
    def _names_that_can_be_found(cls, written: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_long_enough(one, _FEWEST_LETTERS) for one in written)

    @field_validator("near")
    @classmethod
    def _places_that_can_be_found(cls, written: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_long_enough(one, _FEWEST_LETTERS_NEAR) for one in written)

    @field_validator("site")
    @classmethod
    def _an_address(cls, written: str | None) -> str | None:
        if written is not None:
            site_parts(written)
        return written


@dataclass(frozen=True, slots=True)
class Span:
    """Where a name stands in the post's body (`body[start:end]`), and which of the school's names it is."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A post that speaks of a school: where, how surely, why, and which other school it could be.

    `confidence` lies in 0..1. `ambiguous` means that nothing in the text tells this school from
    another of its name; `others` are the ids of the configured ones that it could be. `spans` is empty
    where the post belongs to the school by its place (its own page, a link to its site). `reasons` are
    sentences in plain English that never quote the post.
    """

    post: Post
    school: str
    spans: tuple[Span, ...]
    confidence: float
    reasons: tuple[str, ...]
    ambiguous: bool = False
    others: tuple[str, ...] = ()
