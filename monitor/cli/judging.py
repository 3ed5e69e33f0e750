"""`match` and `classify`: what the monitor makes of texts that somebody hands it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from classifiers.registry import ShippedChoice, make_classifier
from classifiers.verdict import Classifier, Passage, Verdict
from connectors.post import Channel, Post
from monitor.alerts import Judgement, judge
from monitor.app import now
from monitor.cli.passages import Line, Unreadable, read_lines
from monitor.cli.terminal import DEFAULT_CONFIG, ConfigPath, clean, out, print_json, read_config, say, stop
from monitor.config.playbook import shipped_policy
from monitor.mentions.finding import find_mentions
from monitor.mentions.register import Register
from monitor.mentions.school import Mention
from monitor.playbook import Policy

AT_A_TIME = 256
SHOWN = 80
"""Characters of a text that stand in a table."""

Texts = Annotated[
    Path | None,
    typer.Argument(help="CSV with a `text` column, JSON lines or plain lines; standard input if absent."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line, in order.")]


@dataclass(frozen=True, slots=True)
class Judges:
    """Who judges texts that somebody hands us: the classifier, and the policy that decides what follows."""

    classifier: Classifier
    policy: Policy

    def judged(self, lines: Iterable[Line]) -> Iterator[tuple[Line, Verdict, Judgement]]:
        """Each line with what the classifier says of it and what follows, in their order."""
        for chunk in _in_chunks(lines):
            verdicts = self.classifier.classify([Passage(line.text, line.parent) for line in chunk])
            for line, verdict in zip(chunk, verdicts, strict=True):
                yield line, verdict, judge(_as_mention(line), verdict, self.policy, now())


def match(file: Texts = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show which configured schools each text speaks of, how surely, and why."""
    register = Register(read_config(config).schools)
    found = ((line, find_mentions(_post(line), register, _home(line, register))) for line in _read(file))
    if as_json:
        for line, mentions in found:
            print_json({"text": line.text, "matches": [_match(mention) for mention in mentions]})
        return
    table = Table("text", "school", "sure", "why")
    for line, mentions in found:
        for cells in [_match_cells(mention) for mention in mentions] or [("none", "", "")]:
            table.add_row(clean(line.text, SHOWN), *cells)
    out.print(table)


def classify(file: Texts = None, config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show what the classifier says of each text, and whether it would alert.

    Without a configuration file the shipped policy is used.
    """
    judges = judges_under(config)
    table = Table("text", "alert", "severity", "kind", "why")
    for line, verdict, judgement in judges.judged(_read(file)):
        if as_json:
            print_json(_classified(line, verdict, judgement))
        else:
            table.add_row(clean(line.text, SHOWN), *_verdict_cells(judgement))
    if not as_json:
        out.print(table)
        say(f"Judged by {judges.classifier.by}.")


def judges_under(config: Path) -> Judges:
    """Those of this configuration; where there is no file, the shipped ones."""
    settings = read_config(config) if config.exists() or config != DEFAULT_CONFIG else None
    return Judges(
        classifier=make_classifier(settings.classifier if settings else ShippedChoice()),
        policy=settings.policy() if settings else shipped_policy(),
    )


def _read(file: Path | None) -> Iterator[Line]:
    try:
        yield from read_lines(file)
    except Unreadable as error:
        stop(str(error))


def _in_chunks(lines: Iterable[Line]) -> Iterator[list[Line]]:
    source = iter(lines)
    while chunk := list(islice(source, AT_A_TIME)):
        yield chunk


def _post(line: Line) -> Post:
    return Post(platform="text", id="", url="", text=line.text, parent_text=line.parent, channel=line.channel)


def _home(line: Line, register: Register) -> str | None:
    """The school on whose own page the line stands, where there is only one that it can be."""
    schools = list(register.schools)
    return schools[0] if line.channel is Channel.OFFICIAL_ACCOUNT and len(schools) == 1 else None


def _as_mention(line: Line) -> Mention:
    """A text that is handed to us is taken to speak of the school."""
    return Mention(post=_post(line), school="", spans=(), confidence=1.0, reasons=())


def _match(mention: Mention) -> dict[str, object]:
    return {
        "school": mention.school,
        "confidence": round(mention.confidence, 4),
        "ambiguous": mention.ambiguous,
        "reasons": list(mention.reasons),
    }


def _match_cells(mention: Mention) -> tuple[str, str, str]:
    doubt = " (may be another of this name)" if mention.ambiguous else ""
    return mention.school, f"{mention.confidence:.2f}{doubt}", clean("; ".join(mention.reasons))


def _classified(line: Line, verdict: Verdict, judgement: Judgement) -> dict[str, object]:
    return {
        "text": line.text,
        "abuse": verdict.abuse,
        "safeguarding": verdict.safeguarding,
        "reputational": verdict.reputational,
        "scores": dict(verdict.scores),
        "alert": judgement.alert,
        "severity": judgement.severity.word,
        "subcategory": judgement.subcategory,
        "media_lock": judgement.media_lock,
        "reasons": list(judgement.why),
        "language": verdict.language,
        "by": verdict.by,
    }


def _verdict_cells(judgement: Judgement) -> tuple[str, str, str, str]:
    alerts = "yes" if judgement.alert else "no"
    kind = judgement.subcategory or ""
    return alerts, judgement.severity.word, kind, clean("; ".join(judgement.why))
