"""The one door to the database."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from ulid import ULID

from monitor.holdings import Holdings
from monitor.store.alerts import Alerts
from monitor.store.anchors import Anchors
from monitor.store.captures import Captures
from monitor.store.cases import Cases
from monitor.store.custody import Custody
from monitor.store.database import Database
from monitor.store.findings import Findings, Recorded
from monitor.store.forgetting import Forgetting
from monitor.store.hashes import Hasher, read_key
from monitor.store.holdings import holdings_of
from monitor.store.journal import Journal
from monitor.store.notices import Notices
from monitor.store.posts import Posts
from monitor.store.recording import Recorder
from monitor.store.secrecy import Secrecy
from monitor.store.sources import Sources
from monitor.store.upgrading import bring_up_to_date


def new_ulid(at: datetime) -> str:
    """An id that sorts by time and cannot be guessed."""
    return str(ULID.from_datetime(at))


class Store:
    """Everything that is kept; open it with `open_store`."""

    sources: Sources
    posts: Posts
    alerts: Alerts
    captures: Captures
    notices: Notices
    cases: Cases
    custody: Custody
    anchors: Anchors
    journal: Journal
    forgetting: Forgetting

    def __init__(
        self,
        database: Database,
        hasher: Hasher,
        new_id: Callable[[datetime], str],
        secrecy: Secrecy | None = None,
    ) -> None:
        self._database = database
        self._recorder = Recorder(database, hasher, new_id, secrecy)
        self.sources = Sources(database)
        self.posts = Posts(database, hasher)
        self.alerts = Alerts(database)
        self.captures = Captures(database)
        self.notices = Notices(database)
        self.cases = Cases(database)
        self.custody = Custody(database)
        self.anchors = Anchors(database)
        self.journal = Journal(database)
        self.forgetting = Forgetting(database, hasher)

    def record(self, findings: Findings, at: datetime) -> Recorded:
        """Keep what a poll found: in transactions of at most 200 posts; the last one saves the cursor and
        the source's state and releases its claim. What is new is added to the source's tallies.

        Mentions are stored with scores and reasons; posts that concern no school leave a keyed hash.
        A mention that alerts becomes an alert of its own or joins one that tells the same story (`joins`,
        under a lock per school); a new alert gets its capture row and its owed rows in the same transaction.
        A later revision of a post that has an alert appends a judgement and, only if severity rises, new owed
        rows.
        Recording the same findings twice changes nothing. Raises LookupError for a source never synced.
        """
        return self._recorder.record(findings, at)

    def keeping(self, secrecy: Secrecy | None) -> "Store":
        """The same store on the same connections, which seals the words of posts that it writes, or not."""
        recorder = self._recorder
        return Store(self._database, recorder.hasher, recorder.new_id, secrecy)

    def holdings(self, school: str) -> Holdings:
        """All that is held of a school's evidence besides its files, at one moment."""
        return holdings_of(self._database, school)

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()


def open_store(
    url: str, key_file: Path, backups: Path, new_id: Callable[[datetime], str] = new_ulid
) -> Store:
    """Open (and bring up to date, under a lock, after a copy of a SQLite file) the database at `url`.

    `key_file` holds the key of the post hashes, made with mode 0600 when it is missing. `new_id` makes the
    ids of captures. Raises Unusable, with what to do, for a database that this version cannot use.
    """
    database = Database(url)
    try:
        bring_up_to_date(database, backups)
        return Store(database, Hasher(read_key(key_file)), new_id)
    except BaseException:
        database.close()
        raise
