"""X, by its API v2: a search of the last seven days, or what is said to the school's own account.

X charges for each thing that it gives, once a UTC day: every answer is counted against the month's cap.
Seen in X's documentation of August 2026 and in answers recorded in 2022: pages, edits as new ids, errors.
Not checked on the live service: that authors and answered posts that come along are charged, that an app's
own token makes owned reads, and what comes when credits or limits are used up (told by other programs).
"""

import html
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlencode, urlsplit

import httpx
from httpx import codes
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic import model_validator as validator

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import LONGEST_WAIT, Page, read, refuse_walls, rest, retry_after, spoken
from connectors.received import as_received, with_given
from connectors.text import clean, clean_link, host_of, http_address, one_line, read_text, search_words, when

PRICES_CHECKED = "2026-08-22"
"""When the prices below were read in X's documentation."""
POST_PRICE = 5
"""What one post costs, in thousandths of a US dollar."""
OWNED_PRICE = 1
"""What one post costs that mentions the account to which the app belongs, in thousandths of a US dollar."""
USER_PRICE = 10
"""What the name of one author costs, in thousandths of a US dollar."""
PAGE = 100
"""How many posts one page holds."""
FIRST_PAGES = 1
"""The most pages of each search that the first batch reads."""
MOST_PAGES = 5
"""The most pages of each search that are read at once later; the rest follows a minute later."""
OVERLAP = timedelta(hours=1)
"""For how long back it is asked again, for posts that X finds late."""
FOLLOWED = timedelta(days=7)
"""For how long after it was found a post is looked at once a day, for edits and deletions."""
WINDOW = timedelta(days=7)
"""How far back X searches."""
LONGEST_QUERY = 512
_MOST_MENTIONS = 800
_REFERENCES = 2
_MOST_HELD = 1_000
_MOST_PAID = 5_000
_LONGEST_ID = 100
_MOST_PARENT = 5_000
_MILLS = 1_000
_EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)
_FIRST_TIMED = 1 << 55
_CLOCK_BITS = 22
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_HERE = frozenset(["GB", "XX", "XY"])
_SITE = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,}(?:/[\w./~-]*)?)", re.I)
_SIGNED = re.compile(r"[#@]\w{1,100}")
_LANGUAGE = re.compile(r"(?!und|zxx|art|q)[a-z]{2,3}(-[A-Za-z]{2,8})?")
_NOT_SHOWN = frozenset(["resource-not-found", "not-authorized-for-resource"])
_TIMES = frozenset(["since_id", "until_id", "next_token", "pagination_token", "start_time"])
_MISSED = "X was not read for so long that it no longer finds all that was written; some may be missed."
_MORE = "More was written than is read at once; the rest is read next time."
_STUCK = "X gives the same page again and again; it is read anew next time."


def _word(value: object) -> str:
    return clean(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _thing(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _things(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _ids(value: object) -> list[str]:
    return [word for each in value if (word := _word(each))] if isinstance(value, list) else []


_Word = Annotated[str, BeforeValidator(_word)]
_Thing = Annotated[dict[str, Any], BeforeValidator(_thing)]
_Things = Annotated[list[dict[str, Any]], BeforeValidator(_things)]
_Ids = Annotated[list[str], BeforeValidator(_ids)]


def _server(written: str) -> str:
    url = http_address(written).rstrip("/")
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _LOOPBACK:
        raise ValueError("write https://: the token is sent there")
    return url


def _token(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[ -~]{1,4000}", secret.get_secret_value()):
        raise ValueError("the token has signs that no token has; copy it again")
    return secret


def _term(written: str) -> str:
    words = search_words(written.replace("\\", " "))
    if not re.search(r"\w", words):
        raise ValueError("write the words to search for, such as Harrowby Green")
    return words


def _asked_for(term: str) -> str:
    """One term in the language of X's search: a site, a hashtag or handle, or a phrase."""
    if site := _SITE.fullmatch(term):
        return f'url:"{site[1]}"'
    return term if _SIGNED.fullmatch(term) else f'"{term}"'


def queries(terms: Sequence[str]) -> list[str]:
    """The searches for some terms: as few as X's longest query allows, without plain reposts."""
    found: list[str] = []
    some: list[str] = []
    for term in dict.fromkeys(map(_asked_for, terms)):
        if some and len(_query([*some, term])) > LONGEST_QUERY:
            found.append(_query(some))
            some = []
        some.append(term)
    return [*found, _query(some)]


def _query(terms: Sequence[str]) -> str:
    return f"({' OR '.join(terms)}) -is:retweet"


class _Tweet(BaseModel):
    """A post as X gives it; what is missing, or of another kind than it should be, is empty."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: Annotated[_Word, Field(min_length=1, max_length=_LONGEST_ID)]
    text: _Word = ""
    author_id: _Word = ""
    created_at: _Word = ""
    conversation_id: _Word = ""
    lang: _Word = ""
    possibly_sensitive: Annotated[bool, BeforeValidator(bool)] = False
    edit_history_tweet_ids: _Ids = []
    referenced_tweets: _Things = []
    attachments: _Thing = {}
    entities: _Thing = {}
    note_tweet: _Thing = {}
    withheld: _Thing = {}
    given: _Thing = {}
    _keep = validator(mode="before")(with_given)

    @property
    def first(self) -> str:
        """The id of the post before it was edited, which stays its own."""
        return next(iter(self.edit_history_tweet_ids), self.id)[:_LONGEST_ID]

    @property
    def newest(self) -> str:
        """The id of its newest version."""
        return max([self.id, *self.edit_history_tweet_ids], key=_number)[:_LONGEST_ID]

    @property
    def is_withheld(self) -> bool:
        """Whether X does not show it in this country, or anywhere."""
        return not _HERE.isdisjoint(_ids(self.withheld.get("country_codes")))

    def referred(self, *kinds: str) -> str:
        """The id of the post that this one answers, quotes or repeats."""
        found = (one for kind in kinds for one in self.referenced_tweets if one.get("type") == kind)
        return _word(next(found, {}).get("id"))[:_LONGEST_ID]


class _Spend(BaseModel):
    """What the month has cost, in thousandths of a dollar, and what is paid for until the UTC day ends."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    day: str = Field(default="", max_length=10)
    mills: int = Field(default=0, ge=0)
    paid: tuple[str, ...] = ()


class _Place(BaseModel):
    """How far one listing is read: its newest id, and in an open gap (`token`) what it began with."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    top: str = ""
    begun: bool = False
    read_at: str = ""
    token: str = ""
    since: str = ""
    newest: str = ""
    count: int = Field(default=0, ge=0)


class _Held(BaseModel):
    """A post that was given: its id, its newest version, and the days of its first and last look."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    version: str
    found: str
    seen: str


class _Cursor(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    spend: _Spend = _Spend()
    account: str = ""
    places: dict[str, _Place] = {}
    held: tuple[_Held, ...] = ()


@dataclass(frozen=True, slots=True)
class _Item:
    """A post with its author's name and what it answers, where X gave them."""

    tweet: _Tweet
    author: str | None
    parent: _Tweet | None


@dataclass(slots=True)
class _Listing:
    """What came of one search, or of the mentions."""

    place: _Place
    items: list[_Item] = field(default_factory=list)
    pages: int = 0
    said: list[str] = field(default_factory=list)
    state: State = State.OK
    failed: Unavailable | Refused | None = None

    def doubt(self, place: "_Place", said: str, state: State) -> None:
        """Begin again next time where the newest is that we had."""
        self.place = place.model_copy(update={"token": ""})
        self.said.append(said)
        self.state = state


class _Capped(Unavailable):
    """The cap is reached; it stays ours to say, so that other sources on X are not held up."""


class _Stale(Unavailable):
    """X no longer knows the place where we wanted to go on."""


class X(Connector):
    """A search of X for the school's names, or what is said to the school's own account there."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["x"]
    token: Annotated[
        SecretStr,
        AfterValidator(_token),
        Field(description="The bearer token of an app that only reads; by ${…} only."),
    ]
    cap: Annotated[
        float,
        Field(
            ge=1,
            le=100_000,
            description="The most US dollars that this source may spend in a calendar month (UTC).",
            examples=[25],
        ),
    ]
    search: Annotated[
        tuple[Annotated[str, Field(min_length=3, max_length=100), AfterValidator(_term)], ...],
        Field(
            max_length=20,
            description="What to search for: the school's names, hashtags, handle and site, each as people "
            "write it. Not for a source with `official`.",
            examples=[["Harrowby Green"]],
        ),
    ] = ()
    account: Annotated[
        str | None,
        Field(
            pattern=r"^@?[A-Za-z0-9_]{1,15}$",
            description="With `official`: the handle of the school's own account, whose replies and "
            "mentions are read.",
            examples=["HarrowbyGreen"],
        ),
    ] = None
    base_url: Annotated[
        str,
        Field(max_length=2000, description="The address of the API; another one only for tests."),
        AfterValidator(_server),
    ] = "https://api.x.com"

    @validator(mode="after")
    def _either(self) -> "X":
        if bool(self.search) == bool(self.account):
            raise ValueError(
                "write either search (what to look for) or official and account (the school's own); for "
                "both, make two sources"
            )
        if (self.account is None) != (self.official is None):
            raise ValueError(
                "account and official belong together: the account is the school's own, never a person's "
                "(BAN-4.1.13)"
            )
        return self

    @property
    def host(self) -> str:
        """The host of the API."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new within the cap; then look once a day at what was found in the last week."""
        before = _cursor(cursor)
        api = _Api(http, self, _Wallet(before.spend, cap=round(self.cap * _MILLS)))
        listings: dict[str, _Listing] = {}
        account, failed = before.account, list[Unavailable | Refused]()
        try:
            account = self._account(api, before.account)
            for name, feed in self._feeds(api, account):
                listings[name] = feed.read(before.places.get(name, _Place()))
                failure = listings[name].failed
                if failure is not None:
                    failed.append(failure)
                if isinstance(failure, Unavailable):
                    break
        except (Unavailable, Refused) as error:
            failed.append(error)
        is_capped = any(isinstance(error, _Capped) for error in failed)
        is_paid = account not in {"", before.account} or any(listing.pages for listing in listings.values())
        if failed and not is_capped and not is_paid:
            raise failed[0]
        items = [item for listing in listings.values() for item in listing.items]
        found = _Found(api, before.held, own=account.partition(" ")[2])
        found.give(items)
        if not failed:
            found.follow()
        kept = {name: place for name, place in before.places.items() if name not in listings}
        places = {name: listing.place for name, listing in listings.items()} | (kept if failed else {})
        after = _Cursor(spend=api.wallet.spend, account=account, places=places, held=found.held)
        return _batch(after, list(listings.values()), failed, found, self.every)

    def _account(self, api: "_Api", known: str) -> str:
        """The account's handle and its id, which is asked for once."""
        if self.account is None:
            return ""
        handle = self.account.removeprefix("@").lower()
        if known.startswith(f"{handle} "):
            return known
        api.afford(USER_PRICE, least=1)
        user = _thing(api.get(f"/2/users/by/username/{handle}").get("data"))
        number = _word(user.get("id"))
        if not re.fullmatch(r"\w{1,100}", number):
            raise _strange(f"{self.base_url}/2/users/by/username/{handle}", "no account")
        api.wallet.charge([f"user {number}"], USER_PRICE)
        return f"{handle} {number}"

    def _feeds(self, api: "_Api", account: str) -> "Iterator[tuple[str, _Feed]]":
        if account:
            path = f"/2/users/{account.partition(' ')[2]}/mentions"
            yield "mentions", _Feed(api, path, {}, "pagination_token", least=5, price=OWNED_PRICE)
            return
        for query in queries(self.search):
            path, asked = "/2/tweets/search/recent", {"query": query}
            yield query, _Feed(api, path, asked, "next_token", least=10, price=POST_PRICE)


class _Wallet:
    """What may still be spent this month, by the clock of X."""

    def __init__(self, before: _Spend, cap: int) -> None:
        self.cap = cap
        self.mills = before.mills
        self.day = before.day
        self.paid = dict.fromkeys(before.paid)
        self.now: datetime | None = None

    @property
    def spend(self) -> _Spend:
        """For the cursor."""
        return _Spend(day=self.day, mills=self.mills, paid=tuple(self.paid))

    @property
    def left(self) -> int:
        """What may still be spent, in thousandths of a dollar."""
        return max(self.cap - self.mills, 0)

    def turn(self, now: datetime | None) -> None:
        """Begin a new day or month where one has come."""
        if now is None:
            return
        self.now = now.astimezone(UTC)
        today = f"{self.now:%Y-%m-%d}"
        if today[:7] > self.day[:7]:
            self.mills = 0
        if today > self.day:
            self.day, self.paid = today, {}

    def charge(self, things: Collection[str], price: int) -> None:
        """Count things at a price, each once a day."""
        for thing in things:
            if thing not in self.paid:
                self.mills += price
                if len(self.paid) < _MOST_PAID:
                    self.paid[thing] = None

    def told(self) -> str:
        """The spend as a sentence."""
        return f"About ${self.mills / _MILLS:.2f} of at most ${self.cap / _MILLS:.2f} is spent this month."

    def reached(self) -> _Capped:
        """What to say when the next page could cost more than is left."""
        now = self.now or _EPOCH
        following = (now.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)
        until = f"1 {following:%B}" if self.now else "next month"
        return _Capped(
            f"The cap of this source on X is reached. Nothing more is read there until {until}, and then "
            "only the last 7 days are still found. Raise `cap` to go on.",
            State.RATE_LIMITED,
            min(following - now, LONGEST_WAIT),
        )


class _Api:
    """X for the time of one reading: every question goes through here."""

    def __init__(self, http: httpx.Client, source: X, wallet: _Wallet) -> None:
        self.http = http
        self.source = source
        self.wallet = wallet
        self._rest: Unavailable | None = None

    @property
    def channel(self) -> Channel:
        """Where what is read was said."""
        return Channel.PUBLIC_MENTION if self.source.official is None else Channel.OFFICIAL_ACCOUNT

    def afford(self, each: int, *, least: int) -> int:
        """How many things at this price may be asked for; raises _Capped where that is fewer than `least`."""
        if self.wallet.left < each * least and self.wallet.now is None:
            self._ask_the_date()
        if self.wallet.left < each * least:
            raise self.wallet.reached()
        return min(self.wallet.left // each, PAGE)

    def get(self, path: str, asked: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The answer to one question; raises _Stale, Unavailable or Refused."""
        if self._rest is not None:
            raise self._rest
        url = f"{self.source.base_url}{path}{f'?{urlencode(asked)}' if asked else ''}"
        headers = {
            "accept": "application/json",
            "authorization": f"Bearer {self.source.token.get_secret_value()}",
        }
        page = read(self.http, url, headers=headers, heed=self._heed)
        self.wallet.turn(page.date)
        if page.headers.get("x-rate-limit-remaining", "").strip() == "0":
            self._rest = _too_often(page)
        answer = _content(page)
        if "data" not in answer and "meta" not in answer and path != "/2/tweets":
            raise _problem(page, answer)
        return answer

    def _ask_the_date(self) -> None:
        """Whether the month is over, by a question that costs nothing; its error will do as well."""
        try:
            self.get("/2/usage/tweets", {"days": "1"})
        except (Unavailable, Refused):
            if self.wallet.now is None:
                raise

    def _heed(self, page: Page) -> None:
        """Say what an error means here."""
        self.wallet.turn(page.date)
        if page.status == codes.TOO_MANY_REQUESTS or page.content.lstrip().startswith(b"{"):
            raise _problem(page, _json(page))


@dataclass(frozen=True, slots=True)
class _Feed:
    """A listing with the newest first: a search, or the mentions of the account."""

    api: _Api
    path: str
    asked: Mapping[str, str]
    paged_by: str
    least: int
    price: int

    def read(self, place: _Place) -> _Listing:
        """The open gap, or what is new; what was read before a failure is kept, for it is paid for."""
        listing, seen, is_first = _Listing(place), {place.token}, not place.begun
        try:
            for _ in range(FIRST_PAGES if is_first else MOST_PAGES):
                fresh = self._page(listing)
                if not listing.place.token:
                    break
                if listing.place.token in seen or (fresh and fresh <= seen):
                    listing.doubt(place, _STUCK, State.PARSE_ERROR)
                    break
                seen |= {*fresh, listing.place.token}
        except (Unavailable, Refused) as error:
            listing.failed = error
        if is_first and listing.place.token:
            listing.said.append(f"The newest {len(listing.items)} were read; what is older stays unread.")
            listing.place = _Place(top=listing.place.newest, begun=True, read_at=listing.place.read_at)
        return listing

    def _page(self, listing: _Listing) -> set[str]:
        """Read one page and go on to the next place; the ids that came."""
        while True:
            place = listing.place
            since = place.since if place.token else _since(place)
            try:
                answer = self._ask(since, place.token)
                break
            except _Stale:
                if not since and not place.token:
                    raise
                # From our newest post, where an open gap is not known any more; else from X's oldest.
                top = place.top if place.token else ""
                listing.place = _Place(top=top, begun=place.begun, read_at=place.read_at)
        if place.begun and not since and not place.token:
            self._note_missed(listing)
        items = list(_items(answer))
        ids = [item.tweet.id for item in items]
        self._pay(answer)
        listing.items += items
        listing.pages += 1
        if {_kind(problem) for problem in _things(answer.get("errors"))} <= _NOT_SHOWN:
            self._advance(listing, since, answer, ids)
        else:
            listing.doubt(place, "X says that its answer is not whole; it is asked again.", State.BEHIND)
        return set(ids)

    def _ask(self, since: str, token: str) -> dict[str, Any]:
        each = self.price + USER_PRICE + _REFERENCES * POST_PRICE
        most = str(self.api.afford(each, least=self.least))
        place = {"since_id": since, self.paged_by: token}
        placed = {name: value for name, value in place.items() if value}
        return self.api.get(self.path, {**self.asked, **_FULL, "max_results": most, **placed})

    def _pay(self, answer: Mapping[str, Any]) -> None:
        wallet = self.api.wallet
        wallet.charge([_word(one.get("id")) for one in _things(answer.get("data"))], self.price)
        _pay_included(wallet, answer)

    def _advance(self, listing: _Listing, since: str, answer: Mapping[str, Any], ids: Sequence[str]) -> None:
        place, meta = listing.place, _thing(answer.get("meta"))
        top = place.newest if place.token else _newest([_word(meta.get("newest_id")), *ids, place.top])
        token, count = _word(meta.get("next_token"))[:1000], len(ids) + (place.count if place.token else 0)
        now = self.api.wallet.now
        read_at = now.isoformat() if now else place.read_at
        if token:
            gap = {"token": token, "since": since, "newest": top, "count": count}
            listing.place = place.model_copy(update=gap)
            return
        if place.begun and self.paged_by == "pagination_token" and count >= _MOST_MENTIONS:
            listing.said.append(f"X shows only the newest {_MOST_MENTIONS} mentions; older ones were missed.")
            listing.state = State.BEHIND
        listing.place = _Place(top=top, begun=True, read_at=read_at)

    def _note_missed(self, listing: _Listing) -> None:
        """Say so where we were away for longer than X looks back; a quiet week misses nothing."""
        now, was = self.api.wallet.now, when(listing.place.read_at)
        if now is None or was is None or now - was > WINDOW - OVERLAP:
            listing.said.append(_MISSED)
            listing.state = State.BEHIND


class _Found:
    """What the posts are that came, and what has become of those that came before."""

    def __init__(self, api: _Api, held: Sequence[_Held], own: str) -> None:
        self.api = api
        self.own = own
        self.posts: dict[str, Post] = {}
        self.gone: list[str] = []
        self.said: list[str] = []
        self._held = {one.id: one for one in held}

    @property
    def held(self) -> tuple[_Held, ...]:
        """What is to be looked at again, the newest last."""
        oldest = self._days_ago(FOLLOWED)
        return tuple(one for one in self._held.values() if one.found >= oldest)[-_MOST_HELD:]

    def give(self, items: Sequence[_Item]) -> None:
        """Take posts as they came; of several versions the newest counts."""
        for item in items:
            tweet = item.tweet
            if tweet.referred("retweeted") or (self.own and tweet.author_id == self.own):
                continue
            if tweet.is_withheld:
                self._withhold(tweet)
                continue
            known = self._held.pop(tweet.first, None)
            if known and _number(known.version) > _number(tweet.id):
                self._held[tweet.first] = known
                continue
            self.posts[tweet.first] = _post(item, self.api.channel)
            day = self.api.wallet.day
            self._held[tweet.first] = _Held(
                id=tweet.first, version=tweet.id, found=known.found if known else day, seen=day
            )

    def follow(self) -> None:
        """Ask after posts that were found on the last days and have not been looked at today."""
        today = self.api.wallet.day
        due = [one for one in self.held if one.seen < today] if self.api.wallet.now else []
        if not due:
            return
        try:
            due = due[: self.api.afford(POST_PRICE, least=1)]
            newer = self._look(due, today)
            if newer:
                full = newer[: self.api.afford(POST_PRICE + USER_PRICE + _REFERENCES * POST_PRICE, least=1)]
                answer = self.api.get("/2/tweets", {"ids": ",".join(full), **_FULL})
                self._pay(answer)
                self.give(list(_items(answer)))
        except (Unavailable, Refused) as error:
            self.said.append(f"Whether older posts were deleted could not be asked. {error.reason}")

    def _look(self, due: Sequence[_Held], today: str) -> list[str]:
        """Mark what is gone; the ids of newer versions."""
        asked = {one.version: one for one in due}
        answer = self.api.get("/2/tweets", {"ids": ",".join(asked), "tweet.fields": _PLAIN})
        if "data" not in answer and "errors" not in answer:
            raise _strange(f"{self.api.source.base_url}/2/tweets", "neither posts nor errors")
        self._pay(answer)
        self._held |= {one.id: one.model_copy(update={"seen": today}) for one in due}
        for problem in _things(answer.get("errors")):
            one = asked.get(_word(problem.get("resource_id")) or _word(problem.get("value")))
            if one is not None and _kind(problem) in _NOT_SHOWN:
                self.gone.append(one.id)
                self._held.pop(one.id, None)
        newer: list[str] = []
        for tweet in filter(None, map(_tweet, _things(answer.get("data")))):
            one = asked.get(tweet.id) or self._held.get(tweet.first)
            if one is None:
                continue
            if tweet.is_withheld:
                self._withhold(tweet)
            elif _number(tweet.newest) > _number(one.version):
                newer.append(tweet.newest)
        return newer

    def _pay(self, answer: Mapping[str, Any]) -> None:
        ids = [_word(one.get("id")) for one in _things(answer.get("data"))]
        self.api.wallet.charge(ids, POST_PRICE)
        _pay_included(self.api.wallet, answer)

    def _withhold(self, tweet: _Tweet) -> None:
        if self._held.pop(tweet.first, None):
            self.gone.append(tweet.first)
        self.said.append("X withholds a post in this country; it was not read.")

    def _days_ago(self, span: timedelta) -> str:
        now = self.api.wallet.now
        return f"{now - span:%Y-%m-%d}" if now else ""


_FULL = {
    "tweet.fields": "attachments,author_id,conversation_id,created_at,edit_history_tweet_ids,entities,lang,"
    "note_tweet,possibly_sensitive,referenced_tweets,withheld",
    "expansions": "author_id,referenced_tweets.id",
    "user.fields": "name,username",
}
_PLAIN = "edit_history_tweet_ids,withheld"


def _pay_included(wallet: _Wallet, answer: Mapping[str, Any]) -> None:
    included = _thing(answer.get("includes"))
    wallet.charge([f"user {_word(one.get('id'))}" for one in _things(included.get("users"))], USER_PRICE)
    wallet.charge([_word(one.get("id")) for one in _things(included.get("tweets"))], POST_PRICE)


def _items(answer: Mapping[str, Any]) -> Iterator[_Item]:
    """The posts of an answer with who wrote them; raises Unavailable where it holds something else."""
    data = answer.get("data") or []
    tweets = [tweet for each in _things(data) if (tweet := _tweet(each))]
    if not isinstance(data, list) or (data and not tweets):
        raise _strange("https://api.x.com", "posts of another kind")
    included = _thing(answer.get("includes"))
    users = {_word(user.get("id")): user for user in _things(included.get("users"))}
    beside = [tweet for each in _things(included.get("tweets")) if (tweet := _tweet(each))]
    by_id = {tweet.id: tweet for tweet in (*beside, *tweets)}
    for tweet in tweets:
        parent = by_id.get(tweet.referred("replied_to", "quoted"))
        yield _Item(tweet, _author(users.get(tweet.author_id, {}), tweet.author_id), parent)


def _tweet(answer: object) -> _Tweet | None:
    try:
        return _Tweet.model_validate(answer)
    except ValidationError:
        return None


def _post(item: _Item, channel: Channel) -> Post:
    tweet, is_edited = item.tweet, item.tweet.id != item.tweet.first
    parent = item.parent.first if item.parent else tweet.referred("replied_to", "quoted") or None
    text, links = _written(tweet)
    return Post(
        platform="x",
        id=tweet.first,
        url=f"https://x.com/i/web/status/{tweet.id}",
        text=text,
        author=item.author,
        posted_at=_moment(tweet.first) if is_edited else when(tweet.created_at) or _moment(tweet.id),
        edited_at=_moment(tweet.id) or when(tweet.created_at) if is_edited else None,
        language=tweet.lang if _LANGUAGE.fullmatch(tweet.lang) else None,
        channel=channel,
        parent=parent,
        parent_text=_written(item.parent)[0][:_MOST_PARENT] if item.parent else "",
        thread=tweet.conversation_id[:_LONGEST_ID] or parent or tweet.first,
        links=links,
        has_media=bool(tweet.attachments.get("media_keys")),
        sensitive=tweet.possibly_sensitive,
        answer=as_received(tweet.given),
    )


def _written(tweet: _Tweet) -> tuple[str, tuple[str, ...]]:
    """The whole text, with the addresses behind X's short ones, and those addresses."""
    is_long = bool(_word(tweet.note_tweet.get("text")))
    text = html.unescape(_word(tweet.note_tweet.get("text")) if is_long else tweet.text)
    named = _thing(tweet.note_tweet.get("entities") if is_long else tweet.entities)
    links: list[str] = []
    for url in _things(named.get("urls"))[:100]:
        short, leads_to = _word(url.get("url")), clean_link(_word(url.get("expanded_url")))
        if short and leads_to:
            text = text.replace(short, leads_to, 10)
            links += [leads_to, *filter(None, [clean_link(_word(url.get("unwound_url")))])]
    written = read_text(text)
    return written.text, tuple(dict.fromkeys([*links, *written.links]))


def _author(user: Mapping[str, Any], number: str) -> str | None:
    handle = one_line(_word(user.get("username")))[:100]
    if not handle:
        return one_line(number)[:_LONGEST_ID] or None
    return f"{one_line(_word(user.get('name')))[:300]} (@{handle})".strip()


def _number(name: str) -> int:
    """An id as a number, for order; 0 where it is none."""
    return int(name) if re.fullmatch(r"[0-9]{1,30}", name) else 0


def _newest(names: Sequence[str]) -> str:
    newest = max(map(_number, names), default=0)
    return str(newest) if newest else ""


def _since(place: _Place) -> str:
    """The id from which to ask on: a little before our newest while that is new, for X finds some late."""
    written, was = _moment(place.top), when(place.read_at)
    if written is None or (was is not None and was - written > OVERLAP):
        return place.top
    return str(_number(place.top) - (int(OVERLAP.total_seconds() * 1000) << _CLOCK_BITS))


def _moment(name: str) -> datetime | None:
    """The moment at which X gave out an id, which its upper bits hold; ids before 2012 hold none."""
    number = _number(name)
    if not _FIRST_TIMED <= number < 1 << 63:
        return None
    return _EPOCH + timedelta(milliseconds=number >> _CLOCK_BITS)


def _json(page: Page) -> dict[str, Any]:
    try:
        return _thing(json.loads(page.content))
    except (ValueError, RecursionError):
        return {}


def _content(page: Page) -> dict[str, Any]:
    """The object that an answer holds; raises Refused or Unavailable where it holds none."""
    answer = {} if page.cut else _json(page)
    if not answer:
        refuse_walls(page)
        what = page.cut or (
            "a web page" if page.is_html else "something broken" if page.content else "nothing"
        )
        raise _strange(page.url, what)
    return answer


def _kind(problem: Mapping[str, Any]) -> str:
    return _word(problem.get("type")).rpartition("/")[2]


def _problem(page: Page, answer: Mapping[str, Any]) -> Unavailable | Refused:
    """What an error of X means: by its type and status, for its text is not ours to repeat."""
    problems = [answer, *_things(answer.get("errors"))]
    said = {_kind(one) for one in problems} | {_word(one.get("title")) for one in problems}
    where = f"{spoken(page.url)} ({page.status})"
    if not said.isdisjoint(_USED_UP):
        return Unavailable(
            f"{where} says that the app has reached its limit of the month. Raise it in X's developer "
            "console, or wait.",
            State.RATE_LIMITED,
            LONGEST_WAIT,
        )
    if page.status == codes.TOO_MANY_REQUESTS or "rate-limit-exceeded" in said or retry_after(page.headers):
        return _too_often(page)
    if any(not _TIMES.isdisjoint(_thing(one.get("parameters"))) for one in problems):
        return _Stale(f"{where} does not know the place where we stopped. We will try again.", State.BEHIND)
    for statuses, words, state, sentence in _REFUSALS:
        if page.status in statuses or not said.isdisjoint(words):
            return Refused(f"{where} {sentence}", state)
    if page.status >= codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"{where} has a fault of its own. We will try again.", State.BEHIND)
    return _strange(page.url, "an error")


_USED_UP = frozenset(["SpendCapReached", "UsageCapExceeded", "usage-capped"])
_REFUSALS = (
    (
        {codes.PAYMENT_REQUIRED},
        {"CreditsDepleted", "credits"},
        State.BLOCKED,
        "says that the credits of the app are used up. Buy more in X's developer console, or remove this "
        "source.",
    ),
    (
        {codes.UNAUTHORIZED, codes.FORBIDDEN},
        {"client-forbidden", "unsupported-authentication"},
        State.AUTH_EXPIRED,
        "does not accept the token. Copy the app's bearer token again from X's developer console, and see "
        "that the app may use the API (docs/sources.md).",
    ),
    (
        {codes.NOT_FOUND, codes.GONE},
        _NOT_SHOWN,
        State.BLOCKED,
        "is not there, or not public. Correct account.",
    ),
    (
        {codes.BAD_REQUEST},
        {"invalid-request"},
        State.BLOCKED,
        "does not understand the question. Write search more simply.",
    ),
)


def _strange(url: str, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(url)} answered with {what} where posts were expected. We will try again; if it stays so, "
        "the monitor needs an update.",
        State.PARSE_ERROR,
    )


def _too_often(page: Page) -> Unavailable:
    wait, reset = retry_after(page.headers), page.headers.get("x-rate-limit-reset", "").strip()
    if wait is None and page.date and re.fullmatch(r"\d{1,10}", reset):
        until = datetime.fromtimestamp(int(reset), UTC)
        wait = min(max(until - page.date, timedelta(0)), LONGEST_WAIT)
    return Unavailable(f"{spoken(page.url)} asks us to come less often.", State.RATE_LIMITED, wait)


def _batch(
    after: _Cursor,
    listings: Sequence[_Listing],
    failed: Sequence[Unavailable | Refused],
    found: _Found,
    every: timedelta,
) -> Batch:
    is_capped = any(isinstance(error, _Capped) for error in failed)
    is_open = any(place.token for place in after.places.values())
    states = [error.state for error in failed] + [one.state for one in listings if one.state is not State.OK]
    said = [error.reason for error in failed] + [text for one in listings for text in one.said]
    if is_open and not is_capped:
        said.append(_MORE)
    return Batch(
        posts=tuple(found.posts.values()),
        cursor=after.model_dump_json(),
        gone=tuple(name for name in dict.fromkeys(found.gone) if name not in found.posts),
        complete=not is_open,
        state=State.RATE_LIMITED if is_capped else next(iter(states), State.BEHIND if is_open else State.OK),
        reason=" ".join([*dict.fromkeys([*said, *found.said]), found.api.wallet.told()]),
        wait=rest(failed, every),
    )


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: what was read today is found again, and X charges it once a day.
        return _Cursor()
