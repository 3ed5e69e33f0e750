"""Every platform that can be read: the type of one source, and what the documentation says of each."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from connectors.bluesky import Bluesky
from connectors.connector import Connector
from connectors.csv_export import CsvExport
from connectors.facebook import Facebook
from connectors.feed import Feed
from connectors.hackernews import HackerNews
from connectors.instagram import Instagram
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
    | Mastodon
    | CsvExport
    | HackerNews
    | YouTube
    | Reddit
    | X
    | Facebook
    | Instagram
    | Threads,
    Field(discriminator="platform"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What people should know of a platform before they add a source on it."""

    connector: type[Connector]
    name: str
    title: str
    reads: str
    needs: str
    limits: str


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
    ),
    Platform(
        connector=HackerNews,
        name="hackernews",
        title="Hacker News",
        reads="Stories and comments on Hacker News that hold the school's names.",
        needs="The names to search for. No account; free.",
        limits="What Algolia's search of Hacker News finds, up to 500 posts of each search at a time. What "
        "is deleted there only stops being found.",
    ),
    Platform(
        connector=YouTube,
        name="youtube",
        title="YouTube",
        reads="Videos that a search finds; comments with all answers on chosen videos, or on the school's "
        "own channel.",
        needs="A key for the YouTube Data API v3 from the Google Cloud console. Free. Google asks that what "
        "was read is deleted or refreshed after 30 days: keep retention.below_threshold at 30d or less. What "
        "a channel publishes is read without a key by its feed.",
        limits="100 searches and 10,000 questions a day for each key; one search at a time, 50 videos each. "
        "New comments at once, new answers under older threads as these are read again, 100 at a time. A "
        "deleted comment is noticed among the newest 100 threads, a deleted video among the newest 50 found. "
        "Comments that are held back for review are not seen.",
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
    ),
)
