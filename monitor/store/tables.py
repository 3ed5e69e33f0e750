"""The tables, each with its purpose below it; content carries the school whose people may see it."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)

HEAD = "0002"
"""The newest migration: a database at this version needs nothing, and alembic need not be loaded."""


class Moment(TypeDecorator[datetime]):
    """An aware time, kept in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn it to UTC; SQLite keeps no offset, so it gets none. Refuses a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        turned = _in_utc(value)
        return turned.replace(tzinfo=None) if dialect.name == "sqlite" else turned

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give it back aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        # A feed may claim the first or the last hour of the calendar in a zone that has no such hour in UTC.
        return value.replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """Text from outside: PostgreSQL takes no NUL, and no database takes half a surrogate pair."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Replace what cannot be kept by the replacement character."""
        return None if value is None else keepable(value)


def keepable(words: str) -> str:
    """The same text without what a database refuses."""
    if "\x00" in words:
        words = words.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    if not words.isascii():
        words = words.encode("utf-8", "replace").decode("utf-8")
    return words


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _number() -> Column[int]:
    return Column("id", Integer, primary_key=True)


def _to(name: str, target: str, **options: Any) -> Column[int]:
    return Column(name, Integer, ForeignKey(target), nullable=False, **options)


def _school(**options: Any) -> Column[str]:
    return Column("school_id", String(64), nullable=False, **options)


def _flag(name: str, *, later: bool = False) -> Column[bool]:
    """One that came `later` is false in rows that are older."""
    return Column(name, Boolean, nullable=False, server_default=false() if later else None)


def _words(name: str, *, missing: bool = False) -> Column[str]:
    return Column(name, Words, nullable=missing)


def _moment(name: str, *, missing: bool = False, **options: Any) -> Column[datetime]:
    return Column(name, Moment, nullable=missing, **options)


def _json(name: str) -> Column[Any]:
    return Column(name, JSON, nullable=False)


def _claim() -> tuple[Column[str], Column[datetime]]:
    """Who works on the row, and until when nobody else may."""
    return Column("claimed_by", Text), Column("claimed_until", Moment)


sources = Table(
    "sources",
    metadata,
    _number(),
    Column("name", Text, nullable=False, unique=True),
    Column("platform", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("every", Integer, nullable=False),
    _flag("configured"),
    _words("cursor", missing=True),
    _flag("baseline"),
    Column("generation", Integer, nullable=False),
    Column("claimed_generation", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _words("reason"),
    _moment("since"),
    _moment("last_ok_at", missing=True),
    _moment("last_try_at", missing=True),
    _moment("next_due_at"),
    Column("failures", Integer, nullable=False),
    *_claim(),
)
"""Every place that is or was read: where to go on (the cursor), how it is, when it is due. `every` is in
seconds. `generation` counts the changes of the schools' names: a poll that began before one must not save
its cursor after it."""

hosts = Table(
    "hosts",
    metadata,
    Column("host", Text, primary_key=True),
    _moment("held_until"),
)
"""Hosts that asked to be left alone for a while."""

tallies = Table(
    "tallies",
    metadata,
    _to("source", "sources.id"),
    _moment("at"),
    *(Column(name, Integer, nullable=False) for name in ("read", "mentions", "alerts", "below")),
    PrimaryKeyConstraint("source", "at"),
)
"""What a source gave, a row for each quarter of an hour in which it gave anything: only counts."""

posts = Table(
    "posts",
    metadata,
    _number(),
    Column("platform", Text, nullable=False),
    _words("post_id", missing=True),
    _to("source", "sources.id"),
    _words("url"),
    _words("author", missing=True),
    _moment("posted_at", missing=True),
    _moment("edited_at", missing=True),
    Column("language", Text),
    Column("channel", Text, nullable=False),
    _words("parent", missing=True),
    _words("parent_text"),
    _words("thread", missing=True),
    _json("links"),
    _flag("has_media"),
    _flag("sensitive"),
    _moment("seen_at"),
    _moment("changed_at"),
    _flag("reconsider"),
    _moment("gone_at", missing=True),
    _moment("forgotten_at", missing=True),
    _flag("sealed", later=True),
    UniqueConstraint("platform", "post_id"),
)
"""Posts that speak of a school of ours, and no others. Whose people may see one is said by its mentions,
which carry the school. A forgotten post has lost its id, url, author and text; a tombstone keeps it
away. Of a `sealed` one nobody here can read author, parent_text and links."""
Index(
    "ix_posts_kept_changed_at",
    posts.c.changed_at,
    sqlite_where=text("forgotten_at IS NULL"),
    postgresql_where=text("forgotten_at IS NULL"),
)
Index(
    "ix_posts_sensitive",
    posts.c.platform,
    sqlite_where=text("sensitive = 1"),
    postgresql_where=text("sensitive"),
)

revisions = Table(
    "revisions",
    metadata,
    _number(),
    _to("post", "posts.id"),
    Column("revision", String(64)),
    _words("title", missing=True),
    _words("text", missing=True),
    _moment("seen_at"),
    _flag("sealed", later=True),
    Column("named", JSON(none_as_null=True)),
    UniqueConstraint("post", "revision"),
)
"""What a post said, each time that it changed; emptied when it is forgotten. Of a `sealed` one nobody here
can read title and text; `named` is then whom its words named when they were sealed."""

mentions = Table(
    "mentions",
    metadata,
    _number(),
    _to("post", "posts.id"),
    _school(),
    _to("revision", "revisions.id"),
    _moment("at"),
    _json("spans"),
    _json("reasons"),
    Column("confidence", Float, nullable=False),
    _flag("ambiguous"),
    _json("others"),
    _json("verdict"),
    Column("judged", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    _flag("alert"),
    UniqueConstraint("post", "school_id", "revision"),
)
"""One revision of a post that speaks of one school: why we think so, what the classifier said, what
followed."""

alerts = Table(
    "alerts",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _school(),
    _to("post", "posts.id", index=True),
    Column("source", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("channel", Text, nullable=False),
    _json("urls"),
    Column("severity", Integer, nullable=False),
    Column("subcategory", Text, nullable=False),
    _json("subcategories"),
    Column("reason", Text, nullable=False),
    _json("why"),
    _json("roles"),
    _flag("media_lock"),
    _flag("ambiguous"),
    _json("others"),
    Column("confidence", Float, nullable=False),
    Column("by", Text, nullable=False),
    _flag("baseline"),
    _flag("urgent"),
    Column("status", Text, nullable=False),
    _moment("seen_at"),
    _moment("posted_at", missing=True),
    Column("revision", String(64), nullable=False),
    Column("judgements", Integer, nullable=False),
    Column("raised", Integer, nullable=False),
    _flag("held"),
    _moment("gone_at", missing=True),
    Column("posts", Integer, nullable=False),
    _moment("joined_at", missing=True),
    _json("signature"),
    Column("fingerprint", Text, nullable=False),
    _words("thread", missing=True),
    _moment("closed_at", missing=True),
    Column("closed_as", Text),
    _moment("forgotten_at", missing=True),
    Index(None, "school_id", "seen_at"),
)
"""What a person must see, with everything that a list shows. `post` is the one that leads it, `raised` the
judgement at which severity last rose. signature, fingerprint and thread find the same story elsewhere;
`posts` counts those that tell it, `joined_at` is when the last of them was found."""

alert_posts = Table(
    "alert_posts",
    metadata,
    _to("alert", "alerts.number", index=True),
    _school(),
    _to("post", "posts.id"),
    PrimaryKeyConstraint("post", "school_id"),
)
"""Which posts an alert speaks of: of one school, a post belongs to one alert and to no other."""

judgements = Table(
    "judgements",
    metadata,
    _to("alert", "alerts.number"),
    Column("seq", Integer, nullable=False),
    _school(),
    _moment("at"),
    _to("post", "posts.id"),
    Column("revision", String(64), nullable=False),
    _json("judgement"),
    _json("verdict"),
    PrimaryKeyConstraint("alert", "seq"),
)
"""How an alert was judged: once when it was made, once for each later revision. Never changed."""

captures = Table(
    "captures",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("alert", Integer, ForeignKey("alerts.number")),
    _school(),
    Column("revision", Integer, ForeignKey("revisions.id")),
    Column("progress", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("next_try_at"),
    _words("error"),
    *_claim(),
    Column("kind", Text),
    _moment("captured_at", missing=True),
    _words("folder"),
    _json("files"),
    Column("record_sha256", Text, nullable=False),
    Column("chain_index", Integer),
    Column("previous_sha256", Text),
    _words("answer", missing=True),
    Column("clues", JSON(none_as_null=True)),
    _json("limits"),
    _moment("forgotten_at", missing=True),
    _moment("removed_at", missing=True),
    UniqueConstraint("alert", "revision"),
    UniqueConstraint("school_id", "chain_index"),
)
"""Evidence that is to be taken or was: one for each revision that made or raised an alert, and what people
took by hand (then without alert or revision). The files lie on disk; after retention the row stays as a
tombstone with the hash of its record. `chain_index` and `previous_sha256` are its place in the chain;
`answer` is the post's part of the platform's answer, until it is taken; so are `clues`, by which the camera
finds a post whose words are sealed."""
Index(
    "ix_captures_due",
    captures.c.next_try_at,
    sqlite_where=text("progress = 'due'"),
    postgresql_where=text("progress = 'due'"),
)

custody = Table(
    "custody",
    metadata,
    _number(),
    _school(),
    Column("number", Integer, nullable=False),
    _moment("at"),
    Column("deed", Text, nullable=False),
    _words("by"),
    _words("why"),
    Column("alert", Integer),
    Column("capture", String(26), index=True),
    Column("object_sha256", Text, nullable=False),
    Column("previous_sha256", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    UniqueConstraint("school_id", "number"),
)
"""Who did what with evidence: lines are added and never changed, each with the hash of the one before."""

anchors = Table(
    "anchors",
    metadata,
    _number(),
    _school(),
    Column("number", Integer, nullable=False),
    _moment("made_at"),
    Column("statement", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    UniqueConstraint("school_id", "number"),
)
"""Signed statements of how a school's chain stood, one after each batch of captures and at least daily."""

stamps = Table(
    "stamps",
    metadata,
    _number(),
    _to("anchor", "anchors.id"),
    _school(),
    Column("authority", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    _moment("next_try_at"),
    _words("error"),
    *_claim(),
    Column("token", LargeBinary, nullable=False),
    Column("certificates", Text, nullable=False),
    Column("policy", Text, nullable=False),
    _moment("stamped_at", missing=True),
    UniqueConstraint("anchor", "authority"),
)
"""The time-stamp of each authority for each anchor, or how far it has come."""
Index(
    "ix_stamps_waiting",
    stamps.c.next_try_at,
    sqlite_where=text("state <> 'ok'"),
    postgresql_where=text("state <> 'ok'"),
)

notices = Table(
    "notices",
    metadata,
    _number(),
    Column("kind", Text, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("message_id", Text, nullable=False, unique=True),
    Column("message", LargeBinary, nullable=False),
    _moment("created_at"),
    Column("attempts", Integer, nullable=False),
    _moment("next_try_at"),
    _words("error"),
    *_claim(),
    _moment("sent_at", missing=True),
    Index(None, "recipient", "kind", "created_at"),
)
"""Messages, finished before the first attempt; `rank` says which kind goes first. A sent one loses its
bytes after a while. An unsent one without bytes never goes out: an alert that it shows was locked; it is
withdrawn, and written anew."""
Index(
    "ix_notices_unsent",
    notices.c.rank,
    notices.c.id,
    sqlite_where=text("sent_at IS NULL"),
    postgresql_where=text("sent_at IS NULL"),
)

owed = Table(
    "owed",
    metadata,
    _number(),
    _to("alert", "alerts.number"),
    _school(),
    Column("recipient", Text, nullable=False),
    Column("judgement", Integer, nullable=False),
    _moment("since"),
    Column("notice", Integer, ForeignKey("notices.id"), index=True),
    UniqueConstraint("alert", "recipient", "judgement"),
)
"""Who must hear of which judgement at once: a debt until its message is written, then the proof."""

digests = Table(
    "digests",
    metadata,
    Column("recipient", Text, nullable=False),
    Column("day", String(10), nullable=False),
    Column("notice", Integer, ForeignKey("notices.id"), nullable=False),
    PrimaryKeyConstraint("recipient", "day"),
)
"""One digest for each person and local day."""

digest_entries = Table(
    "digest_entries",
    metadata,
    Column("recipient", Text, nullable=False),
    _to("alert", "alerts.number"),
    Column("raised", Integer, nullable=False),
    Column("notice", Integer, ForeignKey("notices.id"), nullable=False, index=True),
    PrimaryKeyConstraint("recipient", "alert", "raised"),
)
"""Which alerts a digest named as new to whom, and how far they had risen by then."""

case_events = Table(
    "case_events",
    metadata,
    _number(),
    _to("alert", "alerts.number", index=True),
    _school(),
    Column("act", Text, nullable=False),
    _words("by"),
    _moment("at"),
    _words("note"),
)
"""What people did about an alert. Lines are added and never changed."""

unrelated = Table(
    "unrelated",
    metadata,
    _to("source", "sources.id"),
    Column("hash", LargeBinary(16), nullable=False),
    Column("last_served", Date, nullable=False),
    PrimaryKeyConstraint("source", "hash"),
    sqlite_with_rowid=False,
)
"""Keyed hashes of posts that concern no school of ours, only while the source still serves them."""

tombstones = Table(
    "tombstones",
    metadata,
    Column("hash", LargeBinary(16), primary_key=True),
    _moment("at"),
    sqlite_with_rowid=False,
)
"""Keyed hashes of forgotten posts, so that they never come back as new, and of locked pages, so that they
stay locked whatever becomes of their alerts (store/forgetting.py)."""

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("worker", Text, primary_key=True),
    _moment("at"),
)
"""When each worker was last alive."""

changes = Table(
    "changes",
    metadata,
    _number(),
    _moment("at", index=True),
    _json("lines"),
)
"""How the effective settings changed, in words."""

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    _words("value"),
)
"""The effective settings as they last were, without secrets; while the model is out, since when;
and how steadily the clock went by which things are forgotten."""

troubles = Table(
    "troubles",
    metadata,
    _number(),
    _moment("at", index=True),
    Column("what", Text, nullable=False),
    _words("message"),
)
"""Jobs that failed in a way that nobody foresaw."""
