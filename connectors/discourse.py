"""Discourse: what one forum's search finds, or all that is newly written there.

Addresses and fields are as in Discourse's own code and in recorded answers of 2014 to 2020. A search gives
one post of each topic, so the posts around each one found are read with it. Not checked on a live forum: that
order:latest puts the newest first, that a key works without the name of its user, and the pace of 200
questions a minute and 50 in ten seconds.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote, urlencode

import httpx
from httpx import codes
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import LONGEST_WAIT, Page, read, refuse_walls, rest, retry_after, spoken
from connectors.received import as_received
from connectors.text import clean_link, host_of, http_address, one_line, read_html, search_words, when

MOST_PAGES = 5
"""The most pages of one list that are read at once; of the newest posts, the rest follows a minute later."""
READS = 15
"""How many of the posts that a search found are read at once, each with those around it."""
CHECKS = 5
"""How many posts that a search found earlier are asked for again, whether they were edited or deleted."""
_PAGE = 50
_HELD = 300
_WAITING = 1_000
_LIMIT = 5_000_000
_LAST_ID = 2**53
_LONGEST_TITLE = 300
_WRITTEN_BY_PEOPLE = frozenset([1, 2, None])
_Fields = Mapping[str, Any]


def _forum_address(written: str) -> str:
    address = http_address(written).rstrip("/")
    if "?" in address or "#" in address:
        raise ValueError("write the address of the forum alone, as https://forum.example")
    return address


def _key(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and not re.fullmatch(r"[!-~]{1,500}", secret.get_secret_value()):
        raise ValueError("the key has signs that no key has; copy it again")
    return secret


class _Found(BaseModel):
    """A post that a search gave: its id, where it stands, and the title of its topic."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: int = Field(gt=0, lt=_LAST_ID)
    topic: int = Field(gt=0, lt=_LAST_ID)
    number: int = Field(gt=0, lt=_LAST_ID)
    title: str = Field(default="", max_length=_LONGEST_TITLE)


class _Cursor(BaseModel):
    """How far we are: the newest post's id, the ids between which some are not read, and what searches found.

    `held` are found posts in the order in which they are asked for again, `waiting` those not read yet.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    top: int = Field(default=0, ge=0)
    low: int = Field(default=0, ge=0)
    high: int = Field(default=0, ge=0)
    begun: tuple[str, ...] = ()
    held: tuple[_Found, ...] = ()
    waiting: tuple[_Found, ...] = ()


@dataclass(slots=True)
class _Brought:
    """What one reading brings, as it grows."""

    posts: dict[str, Post] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    state: State = State.OK
    wait: timedelta | None = None

    def add(self, posts: Mapping[str, Post]) -> None:
        """Some more posts."""
        self.posts |= posts

    def note(self, remark: str, state: State, wait: timedelta | None = None) -> None:
        """Something that a person should know; the first one names the state."""
        self.remarks.append(remark)
        self.state = state if self.state is State.OK else self.state
        self.wait = wait or self.wait


class _Gone(Exception):
    """The forum says that nobody may see this, or that it is there no more."""


class Discourse(Connector):
    """One forum that runs Discourse: what its search finds, or all that is newly written there."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["discourse"]
    base_url: Annotated[
        str,
        Field(max_length=500, description="The address of the forum.", examples=["https://forum.example"]),
        AfterValidator(_forum_address),
    ]
    search: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=100), AfterValidator(search_words)], ...],
        Field(
            max_length=10,
            description="What to search for: the school's names and its site, each as people write it.",
        ),
    ] = ()
    latest: Annotated[
        bool, Field(description="Read all that is newly written on the forum; for small forums.")
    ] = False
    api_key: Annotated[
        SecretStr | None,
        Field(
            description="A read-only key of one user, which the owner of a forum can make where its posts "
            "are not open to everybody; by ${…} only."
        ),
        AfterValidator(_key),
    ] = None

    @model_validator(mode="after")
    def _reads_something(self) -> "Discourse":
        if not (self.search or self.latest):
            raise ValueError("give search (what to look for), or latest: true to read all that is written")
        return self

    @property
    def host(self) -> str:
        """The host of the forum, with its port where it has one."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new, and ask for some of what was found earlier again."""
        forum, brought = _Forum(http, self), _Brought()
        after = _cursor(cursor)
        if self.latest:
            after = forum.newest(after, brought)
        if self.search:
            after = forum.searched(after, self.search, brought)
        behind = bool(after.high or after.waiting)
        return Batch(
            posts=tuple(brought.posts.values()),
            cursor=after.model_dump_json(),
            gone=tuple(sorted(brought.gone - set(brought.posts))),
            complete=not behind,
            state=State.BEHIND if behind and brought.state is State.OK else brought.state,
            reason=" ".join(dict.fromkeys(brought.remarks)),
            wait=brought.wait,
        )


class _Forum:
    """One forum for the time of one reading: every question goes through here."""

    def __init__(self, http: httpx.Client, source: Discourse) -> None:
        self.http = http
        self.base = source.base_url
        self.host = source.host
        self.key = source.api_key
        self.every = source.every
        self.channel = Channel.PUBLIC_MENTION if source.official is None else Channel.OFFICIAL_ACCOUNT

    def newest(self, before: _Cursor, brought: _Brought) -> _Cursor:
        """All that was written since the last time, and some of what that time left."""
        pages = MOST_PAGES if before.top else 1
        posts, reached = self._down(None, before.top, pages)
        self._keep(posts, brought)
        ids = [post["id"] for post in posts]
        after = before.model_copy(update={"top": max(ids, default=before.top)})
        if not before.top:
            return after
        if reached > before.top:
            # What an older gap lacks lies below this one: they become one, and some is read twice.
            low = min(before.low, before.top) if before.high else before.top
            return after.model_copy(update={"low": low, "high": reached})
        if not before.high:
            return after
        older, reached = self._down(before.high, before.low, MOST_PAGES)
        self._keep(older, brought)
        if reached >= before.high:
            brought.note(_STUCK, State.PARSE_ERROR)
        return after.model_copy(update={"high": reached if before.low < reached < before.high else 0})

    def searched(self, before: _Cursor, terms: Collection[str], brought: _Brought) -> _Cursor:
        """What the searches find that is new, read in full; and some of what they found earlier."""
        waiting = {found.id: found for found in before.waiting}
        known = waiting.keys() | {found.id for found in before.held}
        for term in terms:
            for found in self._found(term, known, brought, is_new=term not in before.begun):
                waiting.setdefault(found.id, found)
        fresh = sorted(waiting.values(), key=lambda found: -found.id)
        done = self._around(fresh[:READS], brought)
        read = {found.id for found in done}
        held = list(before.held)
        if len(done) == len(fresh[:READS]):
            held = self._checked(held, brought)
        held = [found for found in held if found.id not in read] + done
        newest = set(sorted(found.id for found in held)[-_HELD:])
        return before.model_copy(
            update={
                "begun": tuple(terms),
                "held": tuple(found for found in held if found.id in newest),
                "waiting": tuple(found for found in fresh if found.id not in read)[:_WAITING],
            }
        )

    def _down(self, before: int | None, floor: int, pages: int) -> tuple[list[dict[str, Any]], int]:
        """Posts with ids from `before` down to `floor`; and the id above which all are read."""
        posts: dict[int, dict[str, Any]] = {}
        for _ in range(pages):
            asked = {} if before is None else {"before": before}
            listed = _listed(self._get("/posts.json", asked), "latest_posts", self.base)
            fresh = [post for post in listed if post["id"] not in posts]
            posts |= {post["id"]: post for post in fresh}
            lowest = min((post["id"] for post in fresh), default=None)
            if lowest is None and listed:
                break
            # Older forums look through fifty ids at a time, and they may all be hidden or deleted.
            empty = floor if before is None else before - _PAGE
            before = empty if lowest is None else lowest - 1
            if before <= floor:
                break
        return list(posts.values()), before or floor

    def _found(
        self, term: str, known: Collection[int], brought: _Brought, *, is_new: bool
    ) -> Iterator[_Found]:
        """What a search gives, newest first, until something that is known."""
        for number in range(1, (1 if is_new else MOST_PAGES) + 1):
            answer = self._get("/search.json", {"q": f'"{term}" order:latest', "page": number})
            grouped = _fields(answer.get("grouped_search_result"))
            if grouped.get("error"):
                raise Unavailable(
                    f"{spoken(self.base)} is too busy to search. We will try again.", State.BEHIND
                )
            if not grouped and "posts" not in answer:
                raise _strange(self.base, "something else")
            titles = {
                topic.get("id"): one_line(_word(topic, "title")) for topic in _things(answer.get("topics"))
            }
            page = list(_finds(answer, titles))
            if answer.get("posts") and not page:
                raise _strange(self.base, "posts of another kind")
            yield from (found for found in page if found.id not in known)
            is_last = not page or not grouped.get("more_full_page_results")
            if is_last or any(found.id in known for found in page):
                return
        if not is_new:
            brought.note(
                f"The search for {term} finds more than can be listed, and the oldest of it was missed: read "
                "this source more often (every), or search for words that are rarer.",
                State.BEHIND,
            )

    def _around(self, wanted: list[_Found], brought: _Brought) -> list[_Found]:
        """Read found posts with those around them; the ones that are done with."""
        done: list[_Found] = []
        for found in wanted:
            try:
                topic = self._get(f"/t/{found.topic}/{found.number}.json")
                posts = _listed(_fields(topic.get("post_stream")), "posts", self.base)
            except _Gone:
                done.append(found)
            except (Unavailable, Refused) as error:
                self._put_off(error, brought)
                break
            else:
                title = one_line(_word(topic, "title"))[:_LONGEST_TITLE] or found.title
                self._keep([{"topic_title": title} | post for post in posts], brought)
                done.append(found.model_copy(update={"title": title}))
        return done

    def _checked(self, held: list[_Found], brought: _Brought) -> list[_Found]:
        """Ask for the posts again that were asked for longest ago; those that still stand go to the end."""
        standing: list[_Found] = []
        left = list(held)
        for found in held[:CHECKS]:
            try:
                post = self._get(f"/posts/{found.id}.json")
            except _Gone:
                brought.gone.add(self._name(found.id))
            except (Unavailable, Refused) as error:
                self._put_off(error, brought)
                break
            else:
                self._keep([{**post, "topic_title": found.title}] if _is_post(post) else [], brought)
                standing.append(found)
            left.remove(found)
        return [*left, *standing]

    def _put_off(self, error: Unavailable | Refused, brought: _Brought) -> None:
        wait = rest([error], self.every)
        brought.note(f"Some posts could not be read in full yet: {error.reason}", error.state, wait)

    def _keep(self, posts: list[dict[str, Any]], brought: _Brought) -> None:
        """Make posts of what people wrote; what is hidden or deleted is gone."""
        numbers = {(post.get("topic_id"), post.get("post_number")): post for post in posts}
        kept: dict[str, Post] = {}
        for post in posts:
            if post.get("post_type") not in _WRITTEN_BY_PEOPLE:
                continue
            if post.get("hidden") is True or post.get("deleted_at") or post.get("user_deleted") is True:
                brought.gone.add(self._name(post["id"]))
                continue
            made = self._post(post, numbers.get((post.get("topic_id"), post.get("reply_to_post_number"))))
            if made.text or made.title or made.has_media:
                kept[made.id] = made
        brought.add(kept)

    def _post(self, post: _Fields, answered: _Fields | None) -> Post:
        written = read_html(_word(post, "cooked"), self.base)
        title = one_line(_word(post, "topic_title"))[:_LONGEST_TITLE]
        topic, number = _number(post, "topic_id"), _number(post, "post_number") or 1
        slug = quote(_word(post, "topic_slug")[:300], safe="") or "-"
        is_first = number == 1
        said = read_html(_word(answered, "cooked")).text[:5_000] if answered else ""
        edits = _number(post, "version")
        return Post(
            platform="discourse",
            id=self._name(post["id"]),
            url=f"{self.base}/t/{slug}/{topic}/{number}" if topic else f"{self.base}/p/{post['id']}",
            title=title if is_first else "",
            text=written.text,
            author=_author(post),
            posted_at=when(_word(post, "created_at")),
            edited_at=when(_word(post, "updated_at")) if edits > 1 else None,
            channel=self.channel,
            parent=self._name(answered["id"]) if answered else None,
            parent_text="" if is_first else f"{title}\n{said}".strip(),
            thread=f"{self.host} topic {topic}" if topic else None,
            links=tuple(filter(None, (clean_link(link, self.base) for link in written.links))),
            has_media=written.has_media,
            answer=as_received(post),
        )

    def _name(self, number: int) -> str:
        return f"{self.host} {number}"

    def _get(self, path: str, asked: Mapping[str, str | int] | None = None) -> dict[str, Any]:
        """The answer to one question; raises _Gone, Unavailable or Refused."""
        url = self.base + path + (f"?{urlencode(asked)}" if asked else "")
        headers = {"accept": "application/json"}
        if self.key is not None:
            headers["api-key"] = self.key.get_secret_value()

        def heed(page: Page) -> None:
            self._heed(page, is_one=asked is None)

        return _answer(read(self.http, url, headers=headers, limit=_LIMIT, heed=heed))

    def _heed(self, page: Page, *, is_one: bool) -> None:
        """Say what an error means: of one post that it is gone, of a list something about the forum."""
        said = _json(page.content)
        if page.status == codes.TOO_MANY_REQUESTS:
            wait = retry_after(page.headers) or _wait(said)
            raise Unavailable(f"{spoken(page.url)} asks us to come less often.", State.RATE_LIMITED, wait)
        kind = _word(_fields(said), "error_type")
        is_shut = kind == "not_logged_in" or page.status == codes.UNAUTHORIZED
        if self.key is None and is_shut:
            raise Refused(
                f"{spoken(self.base)} shows its posts only to people who sign in. Ask its owner for a "
                "read-only key (api_key), or remove this source.",
                State.LOGIN_WALL,
            )
        if is_shut or (self.key is not None and page.status == codes.FORBIDDEN and not is_one):
            raise Refused(
                f"{spoken(page.url)} does not accept api_key ({page.status}). Ask the owner of the forum "
                "for a read-only key of one user.",
                State.AUTH_EXPIRED,
            )
        if is_one and (
            page.status in {codes.NOT_FOUND, codes.GONE}
            or (page.status == codes.FORBIDDEN and kind == "invalid_access")
        ):
            raise _Gone
        if page.status == codes.CONFLICT:
            raise Unavailable(f"{spoken(page.url)} is too busy to answer. We will try again.", State.BEHIND)


_STUCK = (
    "The list of the newest posts repeats itself instead of going on, so some posts between the newest and "
    "those of last time may be missing. Add the names of the school as search."
)


def _finds(answer: _Fields, titles: Mapping[object, str]) -> Iterator[_Found]:
    for post in _things(answer.get("posts")):
        topic = post.get("topic_id")
        try:
            yield _Found(
                id=post.get("id", 0),
                topic=topic or 0,
                number=post.get("post_number") or 1,
                title=titles.get(topic, "")[:_LONGEST_TITLE],
            )
        except ValidationError:
            continue


def _listed(answer: _Fields, name: str, base: str) -> list[dict[str, Any]]:
    posts = answer.get(name)
    if not isinstance(posts, list):
        raise _strange(base, "something else")
    listed = [post for post in posts if isinstance(post, dict) and _is_post(post)]
    if posts and not listed:
        raise _strange(base, "posts of another kind")
    return listed


def _is_post(post: _Fields) -> bool:
    return 0 < _number(post, "id") < _LAST_ID


def _author(post: _Fields) -> str | None:
    name, user = one_line(_word(post, "name"))[:200], one_line(_word(post, "username"))[:200]
    return f"{name} (@{user})".strip() if user else name or None


def _answer(page: Page) -> dict[str, Any]:
    refuse_walls(page)
    if page.truncated:
        raise Unavailable(f"{spoken(page.url)} could not be read: {page.cut}.", State.PARSE_ERROR)
    answer = _json(page.content)
    if not isinstance(answer, dict):
        what = "a web page" if page.is_html else "something broken" if page.content else "nothing"
        raise _strange(page.url, what)
    if answer.get("errors"):
        raise _strange(page.url, "an error")
    return answer


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _strange(url: str, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(url)} answered with {what} where a Discourse forum was expected. We will try again; if it "
        "stays so, check base_url.",
        State.PARSE_ERROR,
    )


def _wait(said: object) -> timedelta | None:
    """How long the body of a refusal asks us to wait."""
    seconds = _fields(_fields(said).get("extras")).get("wait_seconds")
    if not isinstance(seconds, int | float) or not 0 <= seconds < _LAST_ID:
        return None
    return min(timedelta(seconds=min(int(seconds), 10**6)), LONGEST_WAIT)


def _fields(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _things(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _word(fields: _Fields | None, name: str) -> str:
    said = (fields or {}).get(name)
    return said if isinstance(said, str) else ""


def _number(fields: _Fields, name: str) -> int:
    said = fields.get(name)
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else 0


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the newest page once more costs little.
        return _Cursor()
