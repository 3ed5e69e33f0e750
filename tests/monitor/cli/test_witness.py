"""A digest in somebody's mailbox bears witness to the records of its day (DOMAIN 3.3)."""

from typing import Any

import pytest
from sqlalchemy import update

from monitor.app import build
from monitor.config.loading import load
from monitor.store.database import Database
from monitor.store.tables import captures


def outline(result: Any) -> str:
    """All that was said, in one line."""
    return " ".join(result.output.split())


@pytest.fixture
def line(monitor: Any) -> str:
    """What today's digest says of the evidence."""
    app = build(load(monitor.config, monitor.environ))
    (said,) = app.write.digest(app.write.people[0]).evidence
    app.close()
    return said


def test_a_digest_bears_out_that_no_record_was_changed(monitor: Any, line: str) -> None:
    result = monitor("evidence", "verify", "--digest", line)

    assert result.exit_code == 0, result.output
    assert "is still the one that the digest names." in outline(result)


def test_a_chain_that_was_changed_since_does_not_fit_the_digest(monitor: Any, line: str) -> None:
    config = load(monitor.config, monitor.environ)
    database = Database(config.database_url())
    with database.writing() as connection:
        connection.execute(update(captures).values(record_sha256="ab" * 32))
    database.close()

    result = monitor("evidence", "verify", "--digest", line)

    assert result.exit_code == 1
    assert "is the one that the digest names: the line was not copied letter for letter, or the" in outline(
        result
    )


def test_a_digest_of_more_records_than_there_are_speaks_of_an_old_backup(monitor: Any, line: str) -> None:
    later = line.replace("Evidence kept: ", "Evidence kept: 9")

    result = monitor("evidence", "verify", "--digest", later)

    assert result.exit_code == 1
    assert "as the digest says" in outline(result)
    assert "an old backup was restored" in outline(result)


@pytest.mark.parametrize(
    "said", ["12", "Evidence kept: 12 records", "Evidence kept: 12 records, fingerprint zz"]
)
def test_another_line_is_refused_with_an_example(monitor: Any, said: str) -> None:
    result = monitor("evidence", "verify", "--digest", said)

    assert result.exit_code == 2
    assert "copy it whole, as in: Evidence kept: 12 records, fingerprint" in outline(result)
