"""YouTube: videos that a search finds; comments, with all answers, on the school's channel or on videos.

By the YouTube Data API v3 with an API key, which sees what anybody sees. From its documentation of 2026: 100
searches and 10,000 units of everything else a day for each project, counted anew at midnight in California;
stored data is deleted or refreshed after 30 days. No header says what is left, so it is counted here and kept
in the cursor. Not checked on the live service: the key as a header (so that it stands in no address), how the
threads of a channel are ordered, how long the address of a page is good for. What a channel publishes needs
no key: its feed is read by the platform `feed`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import httpx
from httpx import codes
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from connectors.connector import Connector, Refused, Unavailable
from connectors.post import Batch, Channel, Post, State
from connectors.reading import LONGEST_WAIT, Page, read, refuse_walls, rest, retry_after, spoken
from connectors.received import as_received, with_given
from connectors.text import Written, host_of, http_address, one_line, read_html, read_text, when

SEARCHES = 100
"""How many searches a project may make in a day."""
UNITS = 10_000
"""How many units it may use in a day; everything else that is asked here costs one."""
PER_PAGE = 100
"""The most threads, or answers, that are given at once."""
FOUND = 50
"""The most videos that are given at once."""
MOST_PAGES = 10
"""The most pages of threads that are read at one time to close a gap."""
ENOUGH = 300
"""After so many questions no further page of threads is begun at one time."""
MOST_ANSWERS = 10
"""The most pages of answers that are read of one thread."""
CHECKS = 10
"""After how many comments that are missing is asked at one time."""
OVERLAP = timedelta(days=3)
"""For how long back a search is made again: a video may be found late."""
NEWS = timedelta(days=7)
"""What is older than this when a source is first read is brought by its first page only."""
_HELD = 500
_BEGINNING, _END = datetime(2005, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
_PACIFIC = ZoneInfo("America/Los_Angeles")
_BRITISH = ZoneInfo("Europe/London")
_LOOPBACK = frozenset(["localhost", "127.0.0.1", "::1"])
_MOST = {"searches": SEARCHES, "units": UNITS}
_SOONEST = timedelta(minutes=15)
_LONGEST_PARENT = 5_000
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}")
_KEY_TROUBLE = (
    (
        re.compile(r"keyinvalid|keyexpired|api_key_(invalid|expired)|autherror|credentials_missing"),
        "does not accept the key. Make a new one in the Google Cloud console and put it into api_key.",
    ),
    (
        re.compile(r"accessnotconfigured|service_disabled"),
        "says that the YouTube Data API is not switched on for this key's project. Enable it in the Google "
        "Cloud console (APIs & Services, Library).",
    ),
    (
        re.compile(r"api_key_\w+_blocked|ip(referer)?blocked|referer\w*blocked"),
        "says that the key may not be used for this, or not from here. In the Google Cloud console let it "
        "use the YouTube Data API v3, from this server's address.",
    ),
)
_FOR_ALL = frozenset([State.AUTH_EXPIRED, State.FILTERED_HERE, State.OUR_NETWORK_DOWN, State.RATE_LIMITED])
_TOO_FAST = frozenset(["ratelimitexceeded", "userratelimitexceeded", "rate_limit_exceeded"])
_SPENT = frozenset(["quotaexceeded", "dailylimitexceeded"])
_LOST_PLACE = frozenset(["invalidpagetoken", "processingfailure"])
_CLOSED = (
    "Comments are switched off for {what}: there are none to read. Remove it here, or switch them on there."
)
_AWAY = "{what} is not on YouTube, or nobody but its owner may see it. Correct its id, or remove it."
_KEPT_BACK = (
    "YouTube does not let this key read {what} (403). See in a browser, signed out, whether it is public; if "
    "it is, check in the Google Cloud console what the key may do."
)
_MORE = "More was written than is read at once; the rest is read next time."
_STUCK = "YouTube repeats itself instead of going on with {what}, so some of what is older may be missing."


_Model = TypeVar("_Model", bound=BaseModel)


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _thing(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _things(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_Word = Annotated[str, BeforeValidator(_word)]
_Id = Annotated[_Word, Field(min_length=1, max_length=500)]
_Thing = Annotated[dict[str, Any], BeforeValidator(_thing)]


class _Given(BaseModel):
    """Something as YouTube gives it; what is missing, or of another kind than it should be, is empty."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel)


class _Said(_Given):
    """What a comment or a video says."""

    text_display: _Word = ""
    text_original: _Word = ""
    author_display_name: _Word = ""
    author_channel_id: _Thing = {}
    published_at: _Word = ""
    updated_at: _Word = ""
    title: _Word = ""
    description: _Word = ""
    channel_title: _Word = ""
    default_language: _Word = ""
    default_audio_language: _Word = ""


class _Comment(_Given):
    id: _Id
    snippet: Annotated[_Said, BeforeValidator(_thing)] = _Said()
    given: _Thing = {}
    _keep = model_validator(mode="before")(with_given)

    @property
    def author(self) -> str:
        """The id of the channel that wrote it."""
        return _word(self.snippet.author_channel_id.get("value"))

    @property
    def changed(self) -> datetime | None:
        """When it was last written."""
        return when(self.snippet.updated_at) or when(self.snippet.published_at)


class _Topic(_Given):
    top_level_comment: _Comment
    video_id: _Word = ""
    total_reply_count: _Word = ""


class _Thread(_Given):
    id: _Id
    snippet: _Topic
    replies: _Thing = {}

    @property
    def top(self) -> _Comment:
        """The comment that the others answer."""
        return self.snippet.top_level_comment

    @cached_property
    def shown(self) -> list[_Comment]:
        """The answers that came with it: a few at most."""
        return _read(_Comment, _things(self.replies.get("comments")))

    @property
    def is_whole(self) -> bool:
        """Whether all its answers came with it."""
        count = self.snippet.total_reply_count
        return not count.isdecimal() or int(count[:9]) <= len(self.shown)

    @property
    def mark(self) -> str:
        """Another one means that something in the thread is another."""
        parts = [f"{one.id} {one.snippet.updated_at}" for one in (self.top, *self.shown)]
        said = "\x1f".join((self.snippet.total_reply_count, *parts))
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:12]


class _Video(_Given):
    id: _Id
    snippet: Annotated[_Said, BeforeValidator(_thing)] = _Said()
    content_details: _Thing = {}
    given: _Thing = {}
    _keep = model_validator(mode="before")(with_given)


class _Kept(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Held(_Kept):
    """A thread that was among the newest: when it began, what it was like, which comments it had."""

    at: AwareDatetime | None = None
    mark: str = ""
    ids: tuple[str, ...] = ()


class _Place(_Kept):
    """How far the threads of one subject are read.

    `top` is the newest moment. `page` is the next page of the walk through the older ones, which goes round
    for ever; while there is a gap, `floor` is the moment down to which it must hurry.
    """

    top: AwareDatetime | None = None
    since: AwareDatetime | None = None
    page: str = ""
    floor: AwareDatetime | None = None
    held: dict[str, _Held] = {}


class _Window(_Kept):
    """How far one search is read: its newest moment, and between which some are not read yet."""

    top: AwareDatetime | None = None
    low: AwareDatetime | None = None
    high: AwareDatetime | None = None
    held: tuple[str, ...] = ()


class _Cursor(_Kept):
    """What was used on which day in California, and the place of each subject, and of each search.

    The searches stand in the order in which they were made.
    """

    day: str = ""
    units: int = Field(default=0, ge=0)
    searches: int = Field(default=0, ge=0)
    places: dict[str, _Place] = {}
    windows: dict[str, _Window] = {}


class _UsedUp(Exception):
    """The day's searches or units are used up."""


class _Shut(Exception):
    """What was asked for is gone, closed or kept back; the message is a sentence about {what}."""


class _LostPlace(Exception):
    """YouTube does not know the address of this page, or no more."""


def _server(written: str) -> str:
    url = http_address(written).rstrip("/")
    if urlsplit(url).scheme != "https" and urlsplit(url).hostname not in _LOOPBACK:
        raise ValueError("write https://: a key is sent there")
    return url


def _key(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[ -~]{1,200}", secret.get_secret_value()):
        raise ValueError("the key has signs that no key has; copy it again")
    return secret


def _channel(written: str) -> str:
    if not re.fullmatch(r"UC[\w-]{22}", written, re.ASCII):
        raise ValueError(
            "write the id of the channel, 24 signs that begin with UC: YouTube, Settings, Advanced settings"
        )
    return written


def _video(written: str) -> str:
    if not re.fullmatch(r"[\w-]{11}", written, re.ASCII):
        raise ValueError("write the id of a video, the 11 signs after v= in its address")
    return written


def _terms(written: str) -> str:
    words = " ".join(written.split())
    if len(words) < 3:  # noqa: PLR2004  # as the field says
        raise ValueError("write the words to search for, such as Harrowby Green")
    return words


class YouTube(Connector):
    """Searches of YouTube, comments on some videos, or all comments on the school's own channel."""

    searched: ClassVar[tuple[str, ...]] = ("search",)

    platform: Literal["youtube"]
    api_key: Annotated[
        SecretStr,
        AfterValidator(_key),
        Field(
            description="A key for the YouTube Data API v3 (Google Cloud console, Credentials); by ${…} only."
        ),
    ]
    search: Annotated[
        tuple[Annotated[str, Field(max_length=200), AfterValidator(_terms)], ...],
        Field(
            max_length=10,
            description="What to search videos for: the school's names and hashtags. Each time one of them "
            "is asked, in turn, since a day has 100 searches.",
            examples=[["Harrowby Green"]],
        ),
    ] = ()
    videos: Annotated[
        tuple[Annotated[str, AfterValidator(_video)], ...],
        Field(max_length=20, description="The ids of videos about the school whose comments are read."),
    ] = ()
    channel: Annotated[
        Annotated[str, AfterValidator(_channel)] | None,
        Field(description="The id of the school's own channel (UC…), with `official`; all its comments."),
    ] = None
    base_url: Annotated[
        str,
        Field(max_length=2000, description="The address of the API; another one only for tests."),
        AfterValidator(_server),
    ] = "https://www.googleapis.com"

    @model_validator(mode="after")
    def _reads_one_thing(self) -> Self:
        if (self.channel is None) != (self.official is None):
            raise ValueError("channel and official belong together: only the school's own channel is read")
        if sum(map(bool, (self.search, self.videos, self.channel))) != 1:
            raise ValueError("write one of search, videos or channel; for more, make more sources")
        if self.search and self.every < _SOONEST:
            raise ValueError("a day has 100 searches: for a search, write every: 15m or longer")
        return self

    @property
    def host(self) -> str:
        """The host of the API."""
        return host_of(self.base_url)

    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new, within what the day has left; it is kept in the cursor."""
        before = _cursor(cursor)
        api, found = _Api(http, self, before), _Found()
        if self.search:
            after = before.model_copy(update={"windows": _searched(self, api, before, found)})
        else:
            after = before.model_copy(update={"places": _commented(self, api, before, found)})
        found.is_spent = found.is_spent or api.is_spent("searches" if self.search else "units")
        return _batch(after, api, found, self.every)


@dataclass(slots=True)
class _Found:
    """What one reading brought, and what went wrong on the way."""

    posts: dict[str, Post] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)
    failed: list[Unavailable | Refused] = field(default_factory=list)
    is_spent: bool = False
    is_stuck: bool = False
    is_something: bool = False

    @property
    def is_hopeless(self) -> bool:
        """Whether it is the key or the service that fails: each further question might take a minute."""
        troubled = sum(isinstance(error, Unavailable) for error in self.failed)
        return self.is_spent or troubled > 1 or any(error.state in _FOR_ALL for error in self.failed)

    def note(self, error: Unavailable | Refused | _UsedUp | _Shut, what: str) -> None:
        """Keep why something was not read, or not all of it."""
        if isinstance(error, _UsedUp):
            self.is_spent = True
        elif isinstance(error, _Shut):
            self.failed.append(Refused(str(error).format(what=what), State.BLOCKED))
        else:
            self.failed.append(error)


class _Api:
    """The API for the time of one reading: every question goes through here, and is counted."""

    def __init__(self, http: httpx.Client, source: YouTube, before: _Cursor) -> None:
        self.http = http
        self.base = f"{source.base_url}/youtube/v3"
        self.key = source.api_key
        self.day = before.day
        self.used = {"units": before.units, "searches": before.searches}
        self.now: datetime | None = None
        self.asked = 0

    def get(self, path: str, **asked: str | int) -> dict[str, Any]:
        """The answer to one question; raises _UsedUp, _Shut, _LostPlace, Unavailable or Refused."""
        bucket = "searches" if path == "search" else "units"
        # Only an answer tells the day: the first question of a reading is always asked.
        if self.now is not None and self.is_spent(bucket):
            raise _UsedUp
        query = urlencode({name: value for name, value in asked.items() if value != ""})
        headers = {"accept": "application/json", "x-goog-api-key": self.key.get_secret_value()}
        self.asked += 1

        def heed(page: Page) -> None:
            self._count(page, bucket)
            self._heed(page, bucket)

        page = read(self.http, f"{self.base}/{path}?{query}", headers=headers, heed=heed)
        self._count(page, bucket)
        answer = _content(page)
        if "error" in answer:
            self._heed(page, bucket)
            raise _strange(page.url, "an error")
        if not isinstance(answer.get("items"), list) and not (answer.get("kind") and "items" not in answer):
            raise _strange(page.url, "something else")
        return answer

    def about(self, ids: Iterable[str]) -> dict[str, _Video]:
        """What is known of each video that is there; raises as `get`."""
        known: dict[str, _Video] = {}
        asked = list(dict.fromkeys(ids))
        for start in range(0, len(asked), FOUND):
            some = ",".join(asked[start : start + FOUND])
            answer = self.get("videos", part="snippet,contentDetails", id=some, maxResults=FOUND)
            known |= {video.id: video for video in _read(_Video, _things(answer.get("items")))}
        return known

    def is_spent(self, bucket: str) -> bool:
        """Whether the day has nothing left of `searches` or `units`."""
        return self.used[bucket] >= _MOST[bucket]

    @property
    def wait(self) -> timedelta:
        """How long until the day in California ends."""
        if self.now is None:
            return timedelta(hours=1)
        return min(_reset(self.now) - self.now, LONGEST_WAIT)

    def _count(self, page: Page, bucket: str) -> None:
        if page.date is not None and _BEGINNING < page.date < _END:
            self.now = page.date.astimezone(UTC)
            day = self.now.astimezone(_PACIFIC).date().isoformat()
            if day != self.day:
                self.day, self.used = day, {"units": 0, "searches": 0}
        self.used[bucket] += 1

    def _heed(self, page: Page, bucket: str) -> None:
        """Say what an error means, by the reasons that YouTube gives."""
        reasons, where = _reasons(page.content), f"{spoken(page.url)} ({page.status})"
        if reasons & _SPENT:
            self.used[bucket] = max(self.used[bucket], _MOST[bucket])
            raise _UsedUp
        if reasons & _TOO_FAST:
            raise Unavailable(
                f"{where} asks us to come less often.", State.RATE_LIMITED, retry_after(page.headers)
            )
        for pattern, sentence in _KEY_TROUBLE:
            if any(map(pattern.fullmatch, reasons)):
                raise Refused(f"{where} {sentence}", State.AUTH_EXPIRED)
        if reasons & _LOST_PLACE and page.status == codes.BAD_REQUEST:
            raise _LostPlace if "pageToken=" in page.url else _strange(page.url, "a refusal to process this")
        if "commentsdisabled" in reasons:
            raise _Shut(_CLOSED)
        if reasons and page.status == codes.NOT_FOUND:
            raise _Shut(_AWAY)
        if reasons and page.status == codes.FORBIDDEN:
            raise _Shut(_KEPT_BACK)


def _commented(source: YouTube, api: _Api, before: _Cursor, found: _Found) -> dict[str, _Place]:
    """The comments of each subject; raises what kept all of them from being read."""
    subjects = (
        [_Subject(api, found, "allThreadsRelatedToChannelId", source.channel)] if source.channel else []
    )
    subjects += [_Subject(api, found, "videoId", video) for video in source.videos]
    places = {each.id: before.places[each.id] for each in subjects if each.id in before.places}
    for subject in subjects:
        try:
            places[subject.id] = subject.read(places.get(subject.id, _Place()))
        except (_Shut, Unavailable, Refused, _UsedUp) as error:
            found.note(error, subject.what)
        if found.is_hopeless:
            break
    if found.failed and not found.is_something and not found.is_spent:
        raise found.failed[0]
    return places


@dataclass(frozen=True, slots=True)
class _Threads:
    """One page of threads, newest first; `last` is when the oldest of them began."""

    threads: Sequence[_Thread]
    following: str

    @property
    def last(self) -> datetime | None:
        return next(filter(None, (_began(thread) for thread in reversed(self.threads))), None)


class _Subject:
    """The threads under one video, or of a whole channel."""

    def __init__(self, api: _Api, found: _Found, kind: str, name: str) -> None:
        self.api = api
        self.found = found
        self.kind = kind
        self.id = name
        self.is_channel = kind != "videoId"
        self.what = f"the {'channel' if self.is_channel else 'video'} {name}"
        self.place = _Place()
        self.since: datetime | None = None
        self.seen: set[str] = set()
        self.titles: dict[str, str] = {}

    def read(self, before: _Place) -> _Place:
        """The newest threads, the rest of a gap or else one page of older ones, and what was deleted."""
        first = self._page("")
        self.found.is_something = True
        moments = list(filter(None, map(_began, first.threads)))
        now = self.api.now or max(moments, default=before.top or _BEGINNING)
        top = max(min(max(moments, default=now), now), before.top or _BEGINNING)
        self.since = before.since
        self.place = before.model_copy(update={"top": top, "since": before.since or now - NEWS})
        if before.top and first.following and first.last and first.last > before.top:
            # What an older gap lacks lies below this one: they become one.
            self._note(page="", floor=before.floor or before.top)
        held: dict[str, _Held] = {}
        later = before.held
        try:
            self._take(first, before.held, held)
            later = self._missing(before, first)
            if before.top is not None:
                self._walk(first.following)
        except (_Shut, Unavailable, Refused, _UsedUp) as error:
            self.found.note(error, self.what)
        self._note(held=_bounded(held, later))
        return self.place

    def _note(self, **more: object) -> None:
        self.place = self.place.model_copy(update=more)

    def _page(self, token: str) -> _Threads:
        answer = self.api.get(
            "commentThreads",
            part="snippet,replies",
            **{self.kind: self.id},
            order="time",
            maxResults=PER_PAGE,
            textFormat="html",
            pageToken=token,
        )
        listed = _things(answer.get("items"))
        threads = _read(_Thread, listed)
        if answer.get("items") and not threads:
            raise _strange(f"{self.api.base}/commentThreads", "comments of another kind")
        return _Threads(threads, _word(answer.get("nextPageToken")))

    def _walk(self, following: str) -> None:
        """Read older pages: down to the floor of a gap; else one, while half of the day's units are left."""
        pages = MOST_PAGES if self.place.floor else int(self.api.used["units"] <= UNITS // 2)
        passed, token = {""}, self.place.page or following
        while pages and token not in passed and self.api.asked < ENOUGH:
            pages, passed = pages - 1, passed | {token}
            try:
                page = self._page(token)
            except _LostPlace:
                # Page addresses grow old: from the top again, where that is not what we have just done.
                self._stop(is_short=token == following)
                return
            self._take(page, {}, {})
            token, floor = page.following, self.place.floor
            is_down = floor is not None and page.last is not None and page.last <= floor
            self._note(page=token, floor=None if is_down else floor)
            pages = 0 if is_down else pages
        if token in passed:
            if not token:
                self._note(floor=None)
            self._stop(is_short=True)

    def _stop(self, *, is_short: bool) -> None:
        """End the walk; where it ends short of the floor, say so."""
        if is_short and self.place.floor:
            self._note(floor=None)
            self.found.is_stuck = True
            self.found.remarks.append(_STUCK.format(what=self.what))
        self._note(page="")

    def _take(self, page: _Threads, known: Mapping[str, _Held], held: dict[str, _Held]) -> None:
        """The posts of a page, and all answers in the threads that are not as they were; into `held`, too."""
        self._learn_titles(page)
        for thread in page.threads:
            self._give(thread, [thread.top, *thread.shown])
        for thread in page.threads:
            mark, ids = thread.mark, [comment.id for comment in (thread.top, *thread.shown)]
            if thread.id in known and known[thread.id].mark == mark:
                ids += known[thread.id].ids
            elif not thread.is_whole:
                answers, is_all = self._answers(thread)
                # Without its mark a thread is read in whole again.
                mark, ids = mark if is_all else "", ids + answers
            self.seen.update(ids)
            held[thread.id] = _Held(at=_began(thread), mark=mark, ids=tuple(dict.fromkeys(ids)))

    def _answers(self, thread: _Thread) -> tuple[list[str], bool]:
        """Give all answers in a thread; their ids, and whether nothing kept us from reading them."""
        ids, token = list[str](), ""
        for _ in range(MOST_ANSWERS):
            try:
                answer = self.api.get(
                    "comments",
                    part="snippet",
                    parentId=thread.top.id,
                    maxResults=PER_PAGE,
                    textFormat="html",
                    pageToken=token,
                )
            except _LostPlace:
                self.found.failed.append(_strange(f"{self.api.base}/comments", "a refusal to go on"))
                return ids, False
            except _Shut:
                # It was deleted while we read; the next reading sees what became of it.
                return ids, False
            given = _read(_Comment, _things(answer.get("items")))
            fresh = [one for one in given if one.id not in ids]
            self._give(thread, fresh)
            ids += [one.id for one in fresh]
            token = _word(answer.get("nextPageToken"))
            if not token or not fresh:
                return ids, True
        self.found.remarks.append(f"Of one thread of {self.what} only {len(ids)} answers were read.")
        return ids, True

    def _missing(self, before: _Place, first: _Threads) -> dict[str, _Held]:
        """Ask after comments that should be on the newest page and are not; gives those for the next time.

        Only when it is asked for by its id is a comment known to be gone.
        """
        left, later = CHECKS, dict[str, _Held]()
        for name, old in before.held.items():
            if first.following and first.last and (old.at is None or old.at < first.last):
                continue  # It has moved down the list.
            missing = [comment for comment in old.ids if comment not in self.seen]
            self.found.gone.update(comment for comment in missing[:left] if not self._is_there(comment))
            if missing[left:]:
                later[name] = old.model_copy(update={"ids": tuple(missing[left:])})
            left = max(left - len(missing), 0)
        return later

    def _is_there(self, comment: str) -> bool:
        try:
            answer = self.api.get("comments", part="id", id=comment)
        except (_Shut, Refused) as error:
            return str(error) != _AWAY
        return any(one.id == comment for one in _read(_Comment, _things(answer.get("items"))))

    def _learn_titles(self, page: _Threads) -> None:
        """What the videos are called, for a comment seldom names what it is about."""
        ids = {thread.snippet.video_id for thread in page.threads} - self.titles.keys() - {""}
        try:
            known = self.api.about(sorted(ids)) if ids else {}
        except (_Shut, Unavailable, Refused, _UsedUp):
            # The comments are worth more than the titles; what is amiss is met again by the next question.
            return
        self.titles |= {name: one_line(video.snippet.title)[:500] for name, video in known.items()}

    def _give(self, thread: _Thread, comments: Iterable[_Comment]) -> None:
        for comment in comments:
            self.seen.add(comment.id)
            is_old = self.since and comment.changed and comment.changed < self.since
            if not is_old and not (self.is_channel and comment.author == self.id):
                self.found.posts[comment.id] = self._post(thread, comment)

    def _post(self, thread: _Thread, comment: _Comment) -> Post:
        said, top, video = comment.snippet, thread.top, thread.snippet.video_id
        written = _written(said)
        is_answer = comment.id != top.id
        asked = {"v": video, "lc": comment.id}
        title = self.titles.get(video, "")
        answered = _written(top.snippet).text[:_LONGEST_PARENT] if is_answer else ""
        posted, edited = when(said.published_at), when(said.updated_at)
        return Post(
            platform="youtube",
            id=comment.id,
            url=f"https://www.youtube.com/watch?{urlencode(asked)}" if video else self._home(comment.id),
            text=written.text,
            author=one_line(said.author_display_name)[:200] or None,
            posted_at=posted,
            edited_at=edited if edited != posted else None,
            channel=Channel.OFFICIAL_ACCOUNT if self.is_channel else Channel.PUBLIC_MENTION,
            parent=top.id if is_answer else video or None,
            parent_text="\n".join(filter(None, (title, answered))),
            thread=top.id,
            links=written.links,
            has_media=written.has_media,
            answer=as_received(comment.given),
        )

    def _home(self, comment: str) -> str:
        return f"https://www.youtube.com/channel/{self.id}?{urlencode({'lc': comment})}"


def _searched(source: YouTube, api: _Api, before: _Cursor, found: _Found) -> dict[str, _Window]:
    """What is found: by all searches at first, then by one each time; raises where nothing was read."""
    windows = {words: window for words, window in before.windows.items() if words in source.search}
    new = [words for words in source.search if words not in windows]
    # A gap first; then whoever waited longest.
    for words in new or sorted(windows, key=lambda words: windows[words].high is None):
        window = windows.pop(words, _Window())
        windows[words] = window
        try:
            listed, after = _look(api, words, window, found)
        except (_Shut, Unavailable, Refused, _UsedUp) as error:
            found.note(error, "searches")
            if found.is_hopeless:
                break
            continue
        found.is_something = True
        _tell(api, listed, window, found)
        held = tuple(name for name in after.held if name not in found.gone)
        windows[words] = after.model_copy(update={"held": held})
        if not new:
            break
    if found.failed and not found.is_something and not found.is_spent:
        raise found.failed[0]
    return windows


def _look(api: _Api, words: str, window: _Window, found: _Found) -> tuple[dict[str, _Video], _Window]:
    """One page: of the rest of a gap, else of the newest."""
    after = window.low if window.high else window.top and window.top - OVERLAP
    answer = api.get(
        "search",
        part="snippet",
        type="video",
        order="date",
        safeSearch="none",
        maxResults=FOUND,
        q=words,
        publishedAfter=_moment(after),
        publishedBefore=_moment(window.high and window.high + timedelta(seconds=1)),
    )
    items = _things(answer.get("items"))
    hits = _read(_Video, [item | {"id": _thing(item.get("id")).get("videoId")} for item in items])
    if answer.get("items") and not hits:
        raise _strange(f"{api.base}/search", "videos of another kind")
    moments = list(filter(None, (_published(hit.snippet) for hit in hits)))
    oldest = moments[-1] if moments and answer.get("nextPageToken") else None
    held = tuple(dict.fromkeys([*(hit.id for hit in hits), *window.held]))[:FOUND]
    return {hit.id: hit for hit in hits}, _moved(window, moments, oldest, api.now, found).model_copy(
        update={"held": held if not window.high else window.held}
    )


def _moved(
    window: _Window, moments: Sequence[datetime], oldest: datetime | None, now: datetime | None, found: _Found
) -> _Window:
    """The window after a page; `oldest` is where the page ends, None where nothing lies behind it."""
    if window.high:
        is_stuck = oldest is not None and oldest >= window.high
        if is_stuck:
            found.is_stuck = True
            found.remarks.append(_STUCK.format(what="a search"))
        goes_on = oldest is not None and not is_stuck and (window.low is None or oldest > window.low)
        return window.model_copy(update={"high": oldest} if goes_on else {"low": None, "high": None})
    newest = max(moments, default=window.top or now)
    top = min(newest, now) if newest and now else newest
    gap = window.top is not None and oldest is not None and oldest > window.top
    return window.model_copy(
        update={"top": max(filter(None, (top, window.top)), default=None)}
        | ({"low": window.top, "high": oldest} if gap else {})
    )


def _tell(api: _Api, listed: Mapping[str, _Video], window: _Window, found: _Found) -> None:
    """What was found, in whole: a search gives the beginning only; and which of those before are gone."""
    held = [name for name in window.held if name not in listed]
    try:
        known = api.about([*listed, *held])
    except (_Shut, Unavailable, Refused, _UsedUp) as error:
        found.remarks.append("Only the beginning of what the videos say of themselves could be read.")
        found.note(error, "videos")
        known, held = dict(listed), []
    found.gone.update(name for name in held if name not in known)
    for video in (dict(listed) | known).values():
        found.posts[video.id] = _video_post(video)


def _video_post(video: _Video) -> Post:
    about, written = video.snippet, read_text(video.snippet.description)
    language = about.default_audio_language or about.default_language
    rating = _thing(video.content_details.get("contentRating"))
    return Post(
        platform="youtube",
        id=video.id,
        url=f"https://www.youtube.com/watch?{urlencode({'v': video.id})}",
        title=one_line(about.title)[:500],
        text=written.text,
        author=one_line(about.channel_title)[:200] or None,
        posted_at=when(about.published_at),
        language=language if _LANGUAGE.fullmatch(language) else None,
        thread=video.id,
        links=written.links,
        has_media=True,
        sensitive=rating.get("ytRating") == "ytAgeRestricted",
        answer=as_received(video.given),
    )


def _batch(after: _Cursor, api: _Api, found: _Found, every: timedelta) -> Batch:
    open_gaps = [place.floor for place in after.places.values()] + [
        one.high for one in after.windows.values()
    ]
    remarks = dict.fromkeys([*(error.reason for error in found.failed), *found.remarks])
    if found.is_spent:
        remarks |= dict.fromkeys([_spent(api)])
    if any(open_gaps):
        remarks |= dict.fromkeys([_MORE])
    return Batch(
        posts=tuple(found.posts.values()),
        cursor=after.model_copy(update={"day": api.day, **api.used}).model_dump_json(),
        gone=tuple(sorted(found.gone - found.posts.keys())),
        complete=not any(open_gaps),
        state=_state(found, is_behind=any(open_gaps)),
        reason=" ".join(remarks),
        wait=api.wait if found.is_spent else rest(found.failed, every),
    )


def _state(found: _Found, *, is_behind: bool) -> State:
    if found.is_spent:
        return State.RATE_LIMITED
    if found.failed:
        return found.failed[0].state
    if found.is_stuck:
        return State.PARSE_ERROR
    return State.BEHIND if is_behind else State.OK


def _spent(api: _Api) -> str:
    what = f"The {SEARCHES} searches" if api.used["searches"] >= SEARCHES else f"The {UNITS:,} units"
    if api.now is None:
        return f"{what} that YouTube gives a project each day are used up. We will ask again in an hour."
    until = _reset(api.now).astimezone(_BRITISH)
    return (
        f"{what} that YouTube gives a project each day are used up, by this source or others with the same "
        f"key. It goes on at {until:%H:%M on %d %B %Y} (UK time). If this happens often, set every higher."
    )


def _reset(now: datetime) -> datetime:
    """The next midnight in California."""
    tomorrow = now.astimezone(_PACIFIC).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), _PACIFIC).astimezone(UTC)


def _read(model: type[_Model], items: Iterable[object]) -> list[_Model]:
    return list(_readable(model, items))


def _readable(model: type[_Model], items: Iterable[object]) -> Iterator[_Model]:
    for item in items:
        try:
            yield model.model_validate(item)
        except ValidationError:
            continue


def _began(thread: _Thread) -> datetime | None:
    return _published(thread.top.snippet)


def _published(said: _Said) -> datetime | None:
    """When it was published, if that is a time at which YouTube was there."""
    moment = when(said.published_at)
    return moment if moment and _BEGINNING < moment < _END else None


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else ""


def _written(said: _Said) -> Written:
    """What a comment says: as HTML to everybody, and as it was typed to some only."""
    return read_html(said.text_display) if said.text_display else read_text(said.text_original)


def _bounded(held: Mapping[str, _Held], later: Mapping[str, _Held]) -> dict[str, _Held]:
    """What is held now, with what was before and is still to be asked for; as much as the cursor may hold."""
    left, kept = _HELD, dict[str, _Held]()
    for name in list(dict.fromkeys([*held, *later]))[:_HELD]:
        one = held.get(name) or later[name]
        if name in held and name in later:
            # Without its mark the thread is read in whole once more, and so what is missing is missed again.
            one = one.model_copy(
                update={"mark": "", "ids": tuple(dict.fromkeys((*one.ids, *later[name].ids)))}
            )
        kept[name] = one.model_copy(update={"ids": one.ids[:left]})
        left -= len(kept[name].ids)
    return kept


def _content(page: Page) -> dict[str, Any]:
    """What an answer holds as JSON; raises Refused or Unavailable where it holds none."""
    if page.cut:
        raise Unavailable(f"{spoken(page.url)} could not be read: {page.cut}.", State.PARSE_ERROR)
    answer = _json(page.content)
    if not answer:
        refuse_walls(page)
        what = "a web page" if page.is_html else "something broken" if page.content else "nothing"
        raise _strange(page.url, what)
    return answer


def _json(content: bytes) -> dict[str, Any]:
    try:
        return _thing(json.loads(content))
    except (ValueError, RecursionError):
        return {}


def _reasons(content: bytes) -> frozenset[str]:
    """Why YouTube says no, in small letters; empty where it does not say."""
    error = _thing(_json(content).get("error"))
    details = _things(error.get("details"))
    reasons = {_word(each.get("reason")).lower() for each in (*_things(error.get("errors")), *details)}
    limits = {_word(_thing(each.get("metadata")).get("quota_limit")) for each in details}
    # The newer kind of answer says only there whether it is the day that is used up, or the minute.
    return frozenset(
        reasons | ({"quotaexceeded"} if any("PerDay" in limit for limit in limits) else set())
    ) - {""}


def _strange(url: str, what: str) -> Unavailable:
    return Unavailable(
        f"{spoken(url)} answered with {what} where YouTube's API was expected. We will try again; if it "
        "stays so, a newer version of this program is needed.",
        State.PARSE_ERROR,
    )


def _cursor(cursor: str | None) -> _Cursor:
    try:
        return _Cursor.model_validate_json(cursor) if cursor else _Cursor()
    except ValidationError:
        # Of another version: reading the newest page once more costs little.
        return _Cursor()
