"""The command `monitor` and its sub-commands."""

import io
import sys
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperGroup

from classifiers.transformer import ModelUnavailable
from monitor.cli import (
    alerting,
    beginning,
    checking,
    evaluating,
    evidence,
    handing,
    judging,
    keeping,
    scanning,
    sealing,
    taking,
    terms,
    verifying,
    writing,
)
from monitor.cli.terminal import NEEDS_A_PERSON, finish, stop
from monitor.jobs.faults import machine_fault
from monitor.store.database import Unusable

EXIT_CODES = (
    "Exit codes: 0 all is well; 1 something needs a person, and it is named; 2 the command or the settings "
    "are wrong. `monitor COMMAND --help` explains a command."
)


class _Commands(TyperGroup):
    """The commands; what the machine, the database or a model cannot do is said in a sentence."""

    def invoke(self, ctx: Any) -> Any:
        try:
            given = super().invoke(ctx)
            finish()
        except (ModelUnavailable, Unusable) as error:
            stop(str(error))
        except Exception as error:
            said = machine_fault(error)
            if said is None:
                raise
            file = getattr(error, "filename", None)
            where = f" ({file})" if file else ""
            stop(f"This machine or its database stands in the way: {said}{where}.", NEEDS_A_PERSON)
        return given


cli = typer.Typer(
    name="monitor",
    cls=_Commands,
    help="Watches what the public internet says about a school, and tells the safeguarding lead in time.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)

for panel, commands in {
    "Begin": (beginning.init,),
    "See how things stand": (checking.check, terms.sources, alerting.alerts, alerting.alert, writing.digest),
    "Say what was done": (alerting.ack, alerting.close, alerting.hold, alerting.lock),
    "Work": (scanning.run, scanning.scan, writing.mail, alerting.forget),
    "Try it out": (keeping.demo, judging.classify, judging.match, evaluating.evaluate),
    "Look after it": (keeping.backup, keeping.restore, keeping.schema),
}.items():
    for command in commands:
        cli.command(rich_help_panel=panel)(command)

evidence_cli = typer.Typer(
    help="What was kept as evidence: look at it, check that it is as it was, hand it over.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
EVIDENCE: Mapping[str, Callable[..., None]] = {
    "list": evidence.list_captures,
    "show": evidence.show,
    "verify": verifying.verify_evidence,
    "capture": taking.capture,
    "upload": taking.upload,
    "quarantine": taking.quarantine,
    "redact": handing.redact,
    "export": handing.export,
    "new-key": sealing.new_key,
    "open": sealing.open_sealed,
    "words": sealing.words,
}
for name, function in EVIDENCE.items():
    evidence_cli.command(name)(function)
cli.add_typer(evidence_cli, name="evidence", rich_help_panel="Keep evidence that stands")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that knows fewer letters than we write shows a question mark, and all goes on.
            stream.reconfigure(errors="replace")
    cli()
