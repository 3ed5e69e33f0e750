"""`schema`, `backup`, `restore`, `demo`: what is needed now and then."""

import os
from pathlib import Path
from typing import Annotated

import typer

from monitor.app import now
from monitor.cli.terminal import DEFAULT_CONFIG, ConfigPath, hand_over, read_config, say, stop
from monitor.config.documents import schema as config_schema
from monitor.jobs.backup import BackupFailed, restore_from, save_to


def schema() -> None:
    """Print the JSON schema of the configuration, for editors."""
    hand_over(config_schema())


def backup(
    to: Annotated[Path, typer.Argument(help="The folder to put the backup into.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Save database, evidence and keys as one file, while the worker runs."""
    settings = read_config(config)
    try:
        made = save_to(
            to,
            data=settings.data,
            database=settings.database_url(),
            config=config,
            at=now(),
            environ=os.environ,
        )
    except BackupFailed as error:
        stop(str(error))
    say(f"Saved to {made}. It holds what children and staff were called: keep it locked away.")


def restore(
    backup: Annotated[Path, typer.Argument(help="The backup file.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Put a backup back into an empty data folder; stop the worker first."""
    settings = read_config(config)
    try:
        restore_from(backup, data=settings.data, database=settings.database_url(), environ=os.environ)
    except BackupFailed as error:
        stop(str(error))
    say(f"Restored {backup} into {settings.data}. Start the worker again.")


def demo(
    to: Annotated[
        Path, typer.Option("--to", metavar="FOLDER", help="Where to put what a DSL would get.")
    ] = Path("demo-output"),
) -> None:
    """Try the monitor on an invented neighbourhood: no account, no network, no mail server."""
    from monitor.demo.demo import show  # noqa: PLC0415  # only here

    show(to)
