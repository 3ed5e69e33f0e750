"""Google reviews: all reviews of the school's own verified place, by the Business Profile API, with answers.

The address, its order, its pages of 50 and the names of its fields are as in Google's documentation. No real
answer was found to test against, and nothing is checked on the live service: nor how errors read, that a
review has no address of its own, and when a token ends. Google gives access on application. Its only scope
for reviews could also write; nothing here does: GET alone, and one POST to fetch an access token.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlencode, urlsplit

import httpx
from httpx import codes
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import Page, read, refuse_walls, retry_after, spoken
from connectors.received import as_received
from connectors.text import host_of, http_address, one_line, read_text, when

PAGE = 50
"""How many reviews one page holds."""
MOST_PAGES = 40
"""The most pages that are read at one time; what lies below is said to be missed."""
SWEEP = timedelta(days=1)
"""How often all reviews are read, for those that were deleted and for answers to old ones."""
_LIMIT = 5_000_000
_LONGEST_ID = 500
_LONGEST_TOKEN = 4_000
_STARS = {"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5}
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_LOCATION = re.compile(r"accounts/[0-9]{1,40}/locations/[0-9]{1,40}")
_Fields = Mapping[str, Any]


def _server(written: str) -> str:
    url = http_address(written).rstrip("/")
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _LOOPBACK:
        raise ValueError("write https://: a secret is sent there")
    return url


def _secret(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[ -~]{1,4000}", secret.get_secret_value()):
        raise ValueError("the secret has signs that no such secret has; copy it again")
    return secret


def _location(written: str) -> str:
    location = written.strip().strip("/")
    if not _LOCATION.fullmatch(location):
        raise ValueError("write the name of the place as the API has it: accounts/123/locations/456")
    return location


_Secret = Annotated[SecretStr, AfterValidator(_secret)]


class _Cursor(BaseModel):
    """A mark of each review that was given, how many there were, and the second when all were last read."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    held: dict[str, str] = {}
    total: int = Field(default=0, ge=0)
    swept: int = Field(default=0, ge=0)


@dataclass
class _Access:
    """The access token of the moment; no part of what a source is, so two sources are equal without it."""

    token: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Form:
    """The client that we were given, for the one question that goes as a form; `read` would send JSON."""

    http: httpx.Client

    def build_request(self, method: str, url: str, *, headers: Any, json: Any) -> httpx.Request:
        """The same question with its fields as a form."""
        return self.http.build_request(method, url, headers=headers, data=json)

    def send(self, request: httpx.Request, **how: Any) -> httpx.Response:
        """Send it as the client would."""
        return self.http.send(request, **how)


@dataclass(slots=True)
class _Walk:
    """The reviews of some pages by their ids, and what Google says beside them; `whole` where it is all."""

    reviews: dict[str, _Fields] = field(default_factory=dict)
    total: int | None = None
    now: int = 0
    whole: bool = False
    remark: str = ""


class _Stale(Exception):
    """Our access token is not taken any more."""


class GoogleReviews(Connector):
    """All reviews of the school's own place on Google, with the answers to them; reads only."""

    platform: Literal["google_reviews"]
    location: Annotated[
        str,
        Field(
            max_length=200,
            description="The place as the Business Profile API names it.",
            examples=["accounts/123/locations/456"],
        ),
        AfterValidator(_location),
    ]
    url: Annotated[
        str,
        Field(
            max_length=2000,
            description="Where a person finds these reviews: the address of the place on Google Maps.",
        ),
        AfterValidator(http_address),
    ]
    client_id: Annotated[_Secret, Field(description="The id of your OAuth client at Google; by ${…} only.")]
    client_secret: Annotated[_Secret, Field(description="The secret of that client; by ${…} only.")]
    refresh_token: Annotated[
        _Secret,
        Field(description="The token that somebody who manages the place gave that client; by ${…} only."),
    ]
    base_url: Annotated[
        str,
        Field(max_length=2000, description="The address of the API; another one only for tests."),
        AfterValidator(_server),
    ] = "https://mybusiness.googleapis.com"
    login_url: Annotated[
        str,
        Field(max_length=2000, description="Where access tokens are fetched; another one only for tests."),
        AfterValidator(_server),
    ] = "https://oauth2.googleapis.com/token"
    _access: _Access = PrivateAttr(default_factory=_Access)

    @model_validator(mode="after")
    def _is_official(self) -> "GoogleReviews":
        if self.official is None:
            raise ValueError("say in official whose place this is: every review there concerns that school")
        return self

    @property
    def host(self) -> str:
        """The host of the API."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new or edited; once a day, and where reviews are fewer than before, read all."""
        before = _cursor(cursor)
        try:
            walk = self._walk(http, before.held)
            if not walk.whole and not walk.remark and _is_due(before, walk):
                walk = self._walk(http, {})
            _doubt(before, walk)
        except _Stale:
            raise Refused(
                f"{self.host} does not take the access that Google has just given. Check that the account "
                "that gave refresh_token manages this place, and that business.manage is among its scopes.",
                State.AUTH_EXPIRED,
            ) from None
        posts = {post.id: post for name, review in walk.reviews.items() for post in self._posts(name, review)}
        return Batch(
            posts=tuple(posts.values()),
            cursor=_after(before, walk).model_dump_json(),
            gone=tuple(sorted(self._gone(before, walk))),
            complete=True,
            state=State.BEHIND if walk.remark else State.OK,
            reason=walk.remark,
        )

    def _walk(self, http: httpx.Client, held: Mapping[str, str]) -> _Walk:
        """Pages from the last edited on, until one on which nothing is new."""
        walk, token = _Walk(), ""
        for _ in range(MOST_PAGES):
            page, answer = self._page(http, token)
            listed = _listed(answer, page)
            fresh = {name: review for name, review in listed.items() if name not in walk.reviews}
            walk.reviews |= fresh
            walk.now = int(page.date.timestamp()) if page.date else walk.now
            walk.total = _total(answer) if walk.total is None else walk.total
            token = _word(answer, "nextPageToken")
            if not token:
                walk.whole = True
                return walk
            if listed and all(held.get(name) == _mark(review) for name, review in listed.items()):
                return walk
            if not fresh:
                break
        walk.remark = (
            f"Google lists more reviews than can be read ({len(walk.reviews)} were), so the oldest are not "
            "watched."
        )
        return walk

    def _page(self, http: httpx.Client, token: str) -> tuple[Page, dict[str, Any]]:
        """One page; where our access is over, get another one first."""
        asked = {"pageSize": PAGE, "orderBy": "updateTime desc"} | ({"pageToken": token} if token else {})
        url = f"{self.base_url}/v4/{self.location}/reviews?{urlencode(asked)}"
        if self._access.token:
            try:
                return self._get(http, url)
            except _Stale:
                self._access.token = ""
        self._sign_in(http)
        return self._get(http, url)

    def _get(self, http: httpx.Client, url: str) -> tuple[Page, dict[str, Any]]:
        headers = {"accept": "application/json", "authorization": f"Bearer {self._access.token}"}
        page = read(http, url, headers=headers, limit=_LIMIT, heed=self._heed)
        answer = _content(page)
        if "error" in answer:
            raise _strange(page, "an error")
        return page, answer

    def _sign_in(self, http: httpx.Client) -> None:
        form = {
            "grant_type": "refresh_token",
            "client_id": self.client_id.get_secret_value(),
            "client_secret": self.client_secret.get_secret_value(),
            "refresh_token": self.refresh_token.get_secret_value(),
        }
        client = cast("httpx.Client", _Form(http))
        page = read(client, self.login_url, login=form, limit=_LIMIT, heed=self._heed_login)
        answer = _content(page)
        self._heed_login(page)
        token = _word(answer, "access_token")
        if not re.fullmatch(r"[!-~]+", token) or len(token) > _LONGEST_TOKEN:
            raise _strange(page, "no access")
        self._access.token = token

    def _heed_login(self, page: Page) -> None:
        """Say what a refusal of a token means: which of the secrets it is."""
        name = _word(_fields(_json(page.content)), "error")
        if name == "invalid_grant":
            raise Refused(
                "Google does not take refresh_token any more: its owner withdrew it or changed the password, "
                "it was not used for months, or the OAuth client is still in testing, where tokens end "
                "after seven days. Give the client access again, and put the new token in its place.",
                State.AUTH_EXPIRED,
            )
        if name in {"invalid_client", "unauthorized_client", "deleted_client"}:
            raise Refused(
                "Google does not know client_id with this client_secret. Copy both again from the OAuth "
                "client in Google's console.",
                State.AUTH_EXPIRED,
            )

    def _heed(self, page: Page) -> None:
        """Say what a refusal means here; Google's own words are in no fixed language."""
        if not _fields(_json(page.content)):
            return
        if page.status == codes.UNAUTHORIZED:
            raise _Stale
        if page.status == codes.FORBIDDEN:
            raise Refused(
                f"{self.host} does not let us see these reviews ({page.status}). Check in Google's console "
                "that the API is switched on and that Google has granted your application for access to it, "
                "and that the account that gave refresh_token manages this place.",
                State.BLOCKED,
            )
        if page.status == codes.BAD_REQUEST and "pageToken=" in page.url:
            raise Unavailable(f"{self.host} forgot how far we had read. We will begin again.", State.BEHIND)
        if page.status in {codes.BAD_REQUEST, codes.NOT_FOUND}:
            raise Refused(
                f"{self.host} has no reviews of {self.location} ({page.status}). Check location, and that "
                "the place is verified.",
                State.BLOCKED,
            )
        if page.status == codes.TOO_MANY_REQUESTS:
            raise Unavailable(
                f"{self.host} asks us to come less often. If it always does, Google has not granted your "
                "application for access yet.",
                State.RATE_LIMITED,
                retry_after(page.headers),
            )

    def _posts(self, name: str, review: _Fields) -> Iterator[Post]:
        """A review, and the school's answer to it where there is one."""
        stars = _STARS.get(_word(review, "starRating"))
        written = read_text(_word(review, "comment"))
        created, updated = when(_word(review, "createTime")), when(_word(review, "updateTime"))
        own = self._name(name)
        post = Post(
            platform="google_reviews",
            id=own,
            url=self.url,
            title=f"{stars} of 5 stars" if stars else "",
            text=written.text,
            author=_author(_fields(review.get("reviewer"))),
            posted_at=created,
            edited_at=updated if created and updated and updated > created else None,
            channel=Channel.OFFICIAL_ACCOUNT,
            thread=own,
            links=written.links,
            answer=as_received(review),
        )
        if post.body:
            yield post
        reply = _fields(review.get("reviewReply"))
        said = read_text(_word(reply, "comment"))
        if said.text:
            yield Post(
                platform="google_reviews",
                id=f"{own} answer",
                url=self.url,
                text=said.text,
                author="Who manages the place",
                posted_at=when(_word(reply, "updateTime")),
                channel=Channel.OFFICIAL_ACCOUNT,
                parent=own,
                parent_text=post.body[:5_000],
                thread=own,
                links=said.links,
                answer=as_received(reply),
            )

    def _gone(self, before: _Cursor, walk: _Walk) -> Iterator[str]:
        """Reviews that are there no more, where all were read; and answers that were taken back."""
        for name, mark in before.held.items():
            review = walk.reviews.get(name)
            if review is None and not walk.whole:
                continue
            if review is None:
                yield self._name(name)
            if _is_answered(mark) and not _is_answered("" if review is None else _mark(review)):
                yield f"{self._name(name)} answer"

    def _name(self, review: str) -> str:
        return f"{self.location.partition('/locations/')[2]} {review}"


def _is_due(before: _Cursor, walk: _Walk) -> bool:
    """Whether all reviews are to be read, although only the newest have changed."""
    fewer = walk.total is not None and walk.total < before.total + len(walk.reviews.keys() - before.held)
    return fewer or walk.now - before.swept >= SWEEP.total_seconds()


def _doubt(before: _Cursor, walk: _Walk) -> None:
    """Not believe that all reviews were taken down at once."""
    if not walk.reviews and len(before.held) > 1:
        walk.whole, walk.total = False, None
        walk.remark = (
            f"Google lists no review where there were {len(before.held)}. They may come back; if somebody "
            "took them down, make this source anew."
        )


def _after(before: _Cursor, walk: _Walk) -> _Cursor:
    marks = {name: _mark(review) for name, review in walk.reviews.items()}
    return _Cursor(
        held=marks if walk.whole else {**before.held, **marks},
        total=before.total if walk.total is None else walk.total,
        swept=walk.now if walk.whole or walk.remark else before.swept,
    )


def _mark(review: _Fields) -> str:
    """What tells one state of a review from another; its end says whether it is answered."""
    reply = _fields(review.get("reviewReply"))
    said = "\x1f".join((_word(review, "updateTime"), _word(reply, "updateTime")))
    return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12] + ("r" if reply else "")


def _is_answered(mark: str) -> bool:
    return mark.endswith("r")


def _listed(answer: _Fields, page: Page) -> dict[str, _Fields]:
    """The reviews of one page by their ids; a place without any has no list at all."""
    listed = answer.get("reviews", [])
    if not isinstance(listed, list) or not (answer.keys() <= _KNOWN or "reviews" in answer):
        raise _strange(page, "something else")
    reviews: dict[str, _Fields] = {
        review["reviewId"]: review
        for review in listed
        if isinstance(review, dict) and 0 < len(_word(review, "reviewId")) <= _LONGEST_ID
    }
    if listed and not reviews:
        raise _strange(page, "reviews of another kind")
    return reviews


_KNOWN = frozenset(["averageRating", "totalReviewCount", "nextPageToken"])


def _total(answer: _Fields) -> int | None:
    said = answer.get("totalReviewCount")
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 2**53 else None


def _author(reviewer: _Fields) -> str | None:
    if reviewer.get("isAnonymous") is True:
        return None
    return one_line(_word(reviewer, "displayName"))[:200] or None


def _content(page: Page) -> dict[str, Any]:
    """What an answer holds; raises Refused or Unavailable where that is nothing that we can read."""
    refuse_walls(page)
    answer = _json(page.content)
    if page.truncated or not isinstance(answer, dict):
        what = "a web page" if page.is_html else page.cut or "something broken"
        raise _strange(page, what if page.content else "nothing")
    return answer


def _json(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _strange(page: Page, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(page.url)} answered with {what} where reviews were expected. We will try again; if this "
        "stays so, the API has changed, and a newer version of this program is needed.",
        State.PARSE_ERROR,
    )


def _fields(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _word(fields: _Fields, name: str) -> str:
    said = fields.get(name)
    return said if isinstance(said, str) else ""


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading all reviews once more costs little.
        return _Cursor()
