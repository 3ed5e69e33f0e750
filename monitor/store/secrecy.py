"""Keeping words that this machine is not to read again: sealed as they are written, and never opened here."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row

from connectors.post import Post
from monitor.captures import Sealed
from monitor.clues import Clue, clue, telling
from monitor.notices import Named
from monitor.playbook import Role
from monitor.store.tables import keepable


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrecy:
    """How words are sealed, and what is noted of them before: whom they name, and clues for the camera.

    `seal` makes of words other words, which only people elsewhere can open. `chance` gives a number from 0
    up to, and without, the one that it is given.
    """

    seal: Callable[[str], str]
    named: Callable[[str], Named]
    chance: Callable[[int], int] = secrets.randbelow

    def sealed(self, words: str | None) -> str | None:
        """The words, sealed; what holds none stays as it is."""
        return self.seal(keepable(words)) if words else words

    def post(self, post: Post) -> dict[str, Any]:
        """The columns of a post that hold words of people."""
        return {
            "author": self.sealed(post.author),
            "parent_text": self.sealed(post.parent_text),
            "links": [self.seal(json.dumps(post.links))] if post.links else [],
            "sealed": True,
        }

    def revision(self, post: Post) -> dict[str, Any]:
        """The columns of a revision that hold its words, and whom they and what they answer name."""
        return {
            "title": self.sealed(post.title),
            "text": self.sealed(post.text),
            "sealed": True,
            "named": named_row(self.named(f"{post.body}\n{post.parent_text}")),
        }

    def capture(self, post: Post, answer: str | None) -> dict[str, Any]:
        """The columns of a due capture by which the camera finds the post, and what goes into its files."""
        found = [clue(words, self.chance) for words in (telling(post.text), post.title)]
        found.append(clue(post.text, self.chance, at_end=True))
        return {"answer": self.sealed(answer), "clues": [asdict(one) for one in found if one is not None]}


def named_row(named: Named) -> dict[str, list[str]]:
    """Whom words name, as JSON."""
    return {"people": sorted(named.people), "roles": sorted(role.value for role in named.roles)}


def read_named(row: Mapping[str, list[str]] | None) -> Named:
    """Whom words named, from its JSON."""
    if row is None:
        return Named()
    return Named(frozenset(row["people"]), frozenset(Role(role) for role in row["roles"]))


def read_sealed(row: Row[Any]) -> Sealed | None:
    """What a due capture has instead of words; None where they are not sealed."""
    if row.clues is None:
        return None
    return Sealed(
        title=row.title or "",
        text=row.text or "",
        author=row.author,
        clues=tuple(map(_read_clue, row.clues)),
    )


def _read_clue(one: Mapping[str, Any]) -> Clue:
    return Clue(one["letters"], tuple(one["bases"]), tuple(one["hashes"]), one["at_end"])
