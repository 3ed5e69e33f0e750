"""Every platform that can be read: the type of one source, and what the documentation says of each."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from connectors.bluesky import Bluesky
from connectors.bluesky_stream import BlueskyStream
from connectors.connector import Place, Scored
from connectors.csv_export import CsvExport
from connectors.discourse import Discourse
from connectors.facebook import Facebook
from connectors.feed import Feed
from connectors.gdelt import Gdelt
from connectors.google_reviews import GoogleReviews
from connectors.hackernews import HackerNews
from connectors.instagram import Instagram
from connectors.lemmy import Lemmy
from connectors.mailbox import Mailbox
from connectors.mastodon import Mastodon
from connectors.reddit import Reddit
from connectors.threads import Threads
from connectors.webpage import WebPage
from connectors.x import X
from connectors.youtube import YouTube

Source = Annotated[
    Feed
    | WebPage
    | Bluesky
    | BlueskyStream
    | Mastodon
    | CsvExport
    | HackerNews
    | YouTube
    | Reddit
    | X
    | Facebook
    | Instagram
    | Threads
    | Discourse
    | Lemmy
    | Gdelt
    | GoogleReviews
    | Mailbox,
    Field(discriminator="platform"),
]

ALL_THREE: tuple[Scored, ...] = ("abuse", "safeguarding", "reputational")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a platform asks of whoever reads it, as far as it was read.

    `gate` is what must be granted or paid before the first reading, empty for nothing. `cost` is what a
    month costs, at any interval. `scores` are the heads for which its posts may be scored. `keep` is how
    long its terms let us keep what is no evidence; None where they name no time. `deleted` says that they
    want deleted here what is deleted there. `asks` is what else they ask. `by_default` says whether a first
    configuration may hold it without being asked to. `checked` is when the terms, or the copy of them that
    was read, are of, as exactly as is known (2026, 2026-08 or 2026-08-22); empty for never.
    """

    gate: str = ""
    cost: str = "Free."
    scores: tuple[Scored, ...] = ALL_THREE
    keep: timedelta | None = None
    deleted: bool = False
    asks: str = ""
    by_default: bool
    checked: str


_META_ASKS = (
    "No surveillance, no decisions about admission; delete what is no longer needed, and what its author "
    "asks to have deleted."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What people should know of a platform before they add a source on it."""

    connector: type[Place]
    name: str
    title: str
    reads: str
    needs: str
    limits: str
    terms: Terms


PLATFORMS = (
    Platform(
        connector=Feed,
        name="feed",
        title="Feed (RSS, Atom, RDF, JSON Feed)",
        reads="News sites, blogs, forums, councils, podcasts, YouTube channels, subreddits (.rss), "
        "Google Alerts.",
        needs="The address of the feed. No account.",
        limits="What the feed still shows: at most 10 MB, 50,000 items and 5 pages at a time. Google "
        "News allows its "
        "feeds to be used by a person for themselves only.",
        terms=Terms(
            by_default=True,
            checked="2026",
            asks="The feed's own terms. Google News lets people use its feeds for themselves only, so a "
            "first configuration holds none of them.",
        ),
    ),
    Platform(
        connector=WebPage,
        name="webpage",
        title="Web page",
        reads="One public page: a forum thread, comments, a notice board. Items by CSS selector, or "
        "found by themselves.",
        needs="The address of a page that anybody sees signed out. No account.",
        limits="Only what robots.txt lets machines read; 5 MB and 2,000 items; nothing that needs "
        "JavaScript, a login or "
        "a click on a consent page.",
        terms=Terms(
            by_default=True, checked="", asks="The site's own terms, and its robots.txt, which is obeyed."
        ),
    ),
    Platform(
        connector=Bluesky,
        name="bluesky",
        title="Bluesky",
        reads="Posts that a search finds; or replies, mentions, quotes and whole threads under the posts of "
        "the school's own account.",
        needs="An account made for this or the school's own, and an app password of it. Free.",
        limits="1,000 posts of each search at a time; a post that its author dated back only while it is "
        "among the newest 100. Threads under the newest 50 posts. Nothing is ever written.",
        terms=Terms(
            deleted=True,
            by_default=True,
            checked="2026",
            asks="A way to delete what its author asks to have deleted.",
        ),
    ),
    Platform(
        connector=BlueskyStream,
        name="bluesky_stream",
        title="Bluesky stream (Jetstream)",
        reads="Every public post on Bluesky as it is written: those that name the school are kept, the rest "
        "is forgotten at once. Edits and deletions of what was kept.",
        needs="No account, no key; a line out that may stay open, and up to 17 GB of traffic a day. Free.",
        limits="What was written in the hour before it is first listened to, and since. The servers keep "
        "about 36 hours: what is written while nobody listens for longer is missed, and said. Answers that "
        "do not name the school are not found; authors are known by their number (did:plc:…), not by name. "
        "Nothing is ever written.",
        terms=Terms(
            deleted=True,
            by_default=True,
            checked="2026",
            asks="A way to delete what its author asks to have deleted.",
        ),
    ),
    Platform(
        connector=Mastodon,
        name="mastodon",
        title="Mastodon (and GoToSocial, Pleroma, snac2)",
        reads="Hashtags, a public timeline or a search of one server; or mentions of the school's own "
        "account and all replies under its posts.",
        needs="The address of a server. A token that may only read for searches, for the school's own "
        "account, and where the server asks for one. Free.",
        limits="Each server shows what it knows: ask a large one, or several. A search finds only people who "
        "let themselves be found, and nothing on servers without full-text search. At most 440 posts of each "
        "part at once. Replies under the newest 20 posts.",
        terms=Terms(by_default=True, checked="2026", asks="The rules of each server."),
    ),
    Platform(
        connector=CsvExport,
        name="csv",
        title="Exported table (CSV)",
        reads="Posts that somebody exports from any tool into a file or a folder: a table with one row for "
        "each.",
        needs="A file that this server can read, and which of its columns holds what. No account.",
        limits="Only what is exported, when it is exported: nobody notices here that the exports have "
        "stopped. Files of at most 20 MB, 1,000 in a folder; 5,000 rows at once. Rows that vanish are not "
        "taken as deleted posts.",
        terms=Terms(
            by_default=True,
            checked="",
            asks="The terms of the tool, and of the platform, that the table comes from.",
        ),
    ),
    Platform(
        connector=HackerNews,
        name="hackernews",
        title="Hacker News",
        reads="Stories and comments on Hacker News that hold the school's names.",
        needs="The names to search for. No account; free.",
        limits="What Algolia's search of Hacker News finds, up to 500 posts of each search at a time. What "
        "is deleted there only stops being found.",
        terms=Terms(by_default=True, checked=""),
    ),
    Platform(
        connector=YouTube,
        name="youtube",
        title="YouTube",
        reads="Videos that a search finds; comments with all answers on chosen videos, or on the school's "
        "own channel.",
        needs="A key for the YouTube Data API v3 from the Google Cloud console. Free. Google asks that what "
        "was read is deleted or refreshed after 30 days, and so it is, evidence apart. What "
        "a channel publishes is read without a key by its feed.",
        limits="100 searches and 10,000 questions a day for each key; one search at a time, 50 videos each. "
        "New comments at once, new answers under older threads as these are read again, 100 at a time. A "
        "deleted comment is noticed among the newest 100 threads, a deleted video among the newest 50 found. "
        "Comments that are held back for review are not seen.",
        terms=Terms(
            deleted=True,
            by_default=True,
            checked="2026",
            keep=timedelta(days=30),
            asks="Delete or refresh what was read within 30 days; do not add up channels of different "
            "owners.",
        ),
    ),
    Platform(
        connector=Reddit,
        name="reddit",
        title="Reddit",
        reads="Submissions that a search finds, comments of chosen subreddits, what links to the "
        "school's site; or mentions and replies in the inbox of the school's own account, and all "
        "comments under its submissions.",
        needs="An app that Reddit has approved for this (Responsible Builder Policy), its id and "
        "secret; for the own account a refresh token. Free for a school; whoever sells a service needs "
        "Reddit's agreement. Its terms of 24 March 2026 forbid surveillance, and want what is deleted "
        "there deleted here.",
        limits="Reddit lists about 1,000 posts, a search perhaps fewer: what was written beyond that "
        "between two readings is missed, and said. A search finds no comments. Edits and deletions are "
        "noticed among the newest 100 posts of each list, and 2,000 comments under the account's newest "
        "25 submissions. About 100 questions a minute for each app. Private subreddits and private "
        "messages are never read.",
        terms=Terms(
            deleted=True,
            gate="Reddit's approval of the app; an agreement for whoever sells a service.",
            by_default=False,
            checked="2026-03-24",
            asks="No surveillance, no training of models; delete or change here, as soon as possible, what "
            "is deleted or changed there, and delete what is no longer needed.",
        ),
    ),
    Platform(
        connector=X,
        name="x",
        title="X (Twitter)",
        reads="Posts that a search for the school's names finds; or replies and mentions of the school's own "
        "account.",
        needs="An app of a developer account there, its bearer token, credits bought in advance, and a cap. "
        "In August 2026 a post cost $0.005 (an owned read $0.001) and its author's name $0.010. Its terms "
        "forbid surveillance, profiles of people, and to derive or keep anybody's health or alleged crime.",
        limits="The last 7 days, or the newest 800 mentions; 500 posts of each search at a time, 100 the "
        "first time, as long as the cap lasts. No reposts. Edits and deletions are looked for once a day for "
        "a week. Answers that leave out the account's name are not found.",
        terms=Terms(
            deleted=True,
            gate="Credits, bought in advance.",
            cost="What was read, up to the source's cap: $0.005 a post, or $0.001 in an owned read, and "
            "$0.010 an author's name, each once a day however often it is read.",
            scores=("abuse", "reputational"),
            by_default=False,
            checked="2026-08-22",
            asks="No surveillance, no profiles of people, nobody's health or alleged crime; delete or change "
            "here what is deleted or changed there, within 24 hours of being asked to.",
        ),
    ),
    Platform(
        connector=Facebook,
        name="facebook",
        title="Facebook Page",
        reads="Comments and replies under the posts of a Page that the school owns, what visitors write "
        "on it, public posts that tag it, and recommendations of it.",
        needs="A token of the Page, with pages_show_list, pages_read_engagement and "
        "pages_read_user_content, from an app of a verified business; Meta may have to review it. "
        "Free. Meta's terms (read in a copy of February 2022) forbid surveillance and decisions "
        "about admission.",
        limits="No search for words, no groups, no profiles, no other Pages. 50 newest posts each time, "
        "up to 1,000 older ones in turn; comments of 25 posts and 1,000 of each at a time. An "
        "edit is seen under the newest 5 posts, or when something else changes there. Deleted "
        "tags and recommendations are not noticed.",
        terms=Terms(
            deleted=True,
            gate="Meta's review of the app, and a verified business.",
            by_default=False,
            checked="2022-02",
            asks=_META_ASKS,
        ),
    ),
    Platform(
        connector=Instagram,
        name="instagram",
        title="Instagram",
        reads="Comments and replies under the posts of the school's own professional account, and posts "
        "that tag it; or public posts under hashtags.",
        needs="The account's id and a token with instagram_basic, instagram_manage_comments and "
        "pages_read_engagement; for hashtags Meta's approval of Instagram Public Content Access. "
        "Free. Meta's terms (read in a copy of February 2022) forbid surveillance and decisions "
        "about admission.",
        limits="@mentions in captions and comments elsewhere are not seen: Meta tells them only to a "
        "public web address. No stories, no private accounts. 30 hashtags in seven days for each "
        "account, without authors, and only posts of the last 24 hours. Comments of 25 posts and "
        "500 of each at a time; 1,000 older posts in turn. Only deleted comments are noticed, not "
        "deleted tags or hashtags.",
        terms=Terms(
            deleted=True,
            gate="Meta's review of the app, and a verified business; for hashtags its approval too.",
            by_default=False,
            checked="2022-02",
            asks=_META_ASKS,
        ),
    ),
    Platform(
        connector=Threads,
        name="threads",
        title="Threads",
        reads="Replies at any depth under the posts of the school's own account, and mentions of it; or "
        "posts that a search finds.",
        needs="A token with threads_basic, threads_read_replies and threads_manage_mentions, or "
        "threads_keyword_search, which Meta must approve first. It lasts 60 days. Free. Meta's "
        "terms (read in a copy of February 2022) forbid surveillance and decisions about "
        "admission.",
        limits="A search finds nothing for words that Meta deems sensitive, and only own posts before it "
        "is approved: finding nothing proves nothing. 2,000 searches in 24 hours, 1,000 posts of "
        "each at a time. Replies under the newest 10 posts each time, under older ones in turn, "
        "10 at a time. Only deleted replies are noticed. No private profiles. Never tried on real "
        "answers.",
        terms=Terms(
            deleted=True,
            gate="Meta's review of the app; for searches its approval too.",
            by_default=False,
            checked="2022-02",
            asks=_META_ASKS,
        ),
    ),
    Platform(
        connector=Discourse,
        name="discourse",
        title="Discourse forum",
        reads="What the search of one forum finds, with the posts around it; or all that is newly written "
        "there.",
        needs="The forum's address. A read-only key from its owner only where posts are not open to "
        "everybody. Free.",
        limits="A search gives one post of each topic, and those around it are read: up to 250 finds at a "
        "time, 15 of them read in full each time. Of all new posts the newest 50 are seen again for "
        "edits. Only deleted posts that a search found are noticed, 5 asked for in turn. No private "
        "messages, no closed categories.",
        terms=Terms(by_default=True, checked="", asks="The rules of each forum."),
    ),
    Platform(
        connector=Lemmy,
        name="lemmy",
        title="Lemmy",
        reads="What the search of one server finds, or all that is newly written on it or in one of its "
        "communities.",
        needs="The address of a server that shows its posts to everybody. No account; free.",
        limits="Servers of the versions 0.18 and 0.19. Each shows what it knows: ask a large one. 200 posts "
        "and 200 comments of each list at a time, 5,000 until it catches up. Only deleted posts that "
        "a search found, or that are still listed, are noticed. Never tried on real answers.",
        terms=Terms(by_default=True, checked="", asks="The rules of each server."),
    ),
    Platform(
        connector=Gdelt,
        name="gdelt",
        title="News worldwide (GDELT)",
        reads="Titles and addresses of news articles whose text holds the school's names.",
        needs="The school's names in full. No account; free.",
        limits="Titles only, never the text: that an article holds a name is GDELT's word. Not every local "
        "paper is read there. The last three months, 250 articles at a time; one question in five "
        "seconds for all of this network, so have one such source, or few. Never tried on real "
        "answers.",
        terms=Terms(by_default=True, checked="", asks="One question in five seconds."),
    ),
    Platform(
        connector=GoogleReviews,
        name="google_reviews",
        title="Google reviews",
        reads="All reviews of the school's own verified place on Google, with their stars, and the answers "
        "to them.",
        needs="Google's grant of access to the Business Profile API, an OAuth client's id and secret, and a "
        "refresh token of somebody who manages the place, of the scope business.manage. Free.",
        limits="2,000 reviews. New and edited ones are seen at once; deleted ones when there are fewer than "
        "before, and all once a day. No photographs. A review has no address of its own. Never tried "
        "on real answers.",
        terms=Terms(gate="Google's grant of access to the API.", by_default=False, checked=""),
    ),
    Platform(
        connector=Mailbox,
        name="mailbox",
        title="Mailbox (IMAP)",
        reads="Mails that come to a mailbox of the school: each article of a Google Alert, alerts of other "
        "services, newsletters, and what staff forward.",
        needs="A mailbox made for this alone, with IMAP over TLS, and its password or an OAuth access token.",
        limits="100 mails or 50 MB at a time, the first 10 MB of each; attachments are never opened. Nothing "
        "is marked, moved or deleted there. Whoever knows the address can write to it. The line does not go "
        "through network.proxy. Never tried on a real Google Alert.",
        terms=Terms(by_default=True, checked="", asks="The terms of each service that the alerts come from."),
    ),
)
