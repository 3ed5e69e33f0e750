"""The whole configuration, and the pieces of it that each room is handed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Self

import httpx
from pydantic import BaseModel, Field, PrivateAttr, TypeAdapter

from classifiers.registry import ClassifierChoice
from classifiers.taxonomy import Head
from connectors.registry import ALL_THREE, PLATFORMS, Source
from monitor.config import advice
from monitor.config.playbook import read_playbook
from monitor.config.problems import Trail
from monitor.config.sections import (
    STRICT,
    Beside,
    DatabaseAddress,
    Digest,
    Evidence,
    Governance,
    Heartbeat,
    Keep,
    Mail,
    Network,
    People,
    Purposes,
)
from monitor.mail.mailer import Mailer, Password, Refreshed
from monitor.mail.outbox import Outbox
from monitor.mentions.school import School
from monitor.network import trusted
from monitor.notices import Recipient
from monitor.playbook import Change, Contact, Policy, make_policy
from monitor.store.forgetting import Retention

_KINDS = sorted([*(head.value for head in Head), *read_playbook().plays])
Kind = Annotated[str, Field(json_schema_extra={"enum": _KINDS})]
_TERMS = {platform.connector: platform.terms for platform in PLATFORMS}
_SHIPPED: ClassifierChoice = TypeAdapter(ClassifierChoice).validate_python({"use": "shipped"})
ContactKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class Config(BaseModel):
    """Everything that people set. Paths are absolute once it was loaded from a file."""

    model_config = STRICT

    schools: Annotated[
        tuple[School, ...], Field(min_length=1, description="The schools that are looked after.")
    ]
    sources: Annotated[tuple[Source, ...], Field(min_length=1, description="The places that are read.")]
    people: Annotated[
        People,
        Field(
            description="Who hears of what, by role; with several schools, `schools:` says whose person "
            "it is."
        ),
    ] = People()
    classifier: Annotated[ClassifierChoice, Field(description="What judges the texts.")] = _SHIPPED
    thresholds: Annotated[
        Mapping[Kind, Change],
        Field(
            default_factory=dict,
            description="Changes to the shipped playbook, by sub-category such as "
            "abuse.threat_violence; for a whole head (abuse, safeguarding, reputational) `alert` alone.",
        ),
    ]
    purposes: Annotated[Purposes, Field(description="What is watched for.")] = Purposes()
    digest: Annotated[Digest, Field(description="The daily letter.")] = Digest()
    mail: Annotated[Mail, Field(description="How mail leaves.")] = Mail()
    contacts: Annotated[
        Mapping[ContactKey, Contact],
        Field(
            default_factory=dict,
            description="Whom to call, by key: lado, mash, out_of_hours, prevent, hr_advice, legal_advice …",
        ),
    ]
    retention: Annotated[Keep, Field(description="How long things are kept.")] = Keep()
    evidence: Annotated[Evidence, Field(description="How evidence is taken, pinned and locked away.")] = (
        Evidence()
    )
    network: Annotated[Network, Field(description="The way out to the internet.")] = Network()
    heartbeat: Annotated[Heartbeat, Field(description="Signs of life for a check from outside.")] = (
        Heartbeat()
    )
    governance: Annotated[Governance, Field(description="What the school has decided and published.")] = (
        Governance()
    )
    database: Annotated[
        DatabaseAddress | None,
        Field(description="The database's address; a SQLite file in the data folder when left out."),
    ] = None
    data: Annotated[
        Beside,
        Field(
            description="The folder for database, evidence and keys; `data` beside this file when left out."
        ),
    ] = Field(default=Path("data"), validate_default=True)
    browser: Annotated[
        Beside | None, Field(description="The browser for screen prints; found by itself when left out.")
    ] = None

    _literals: Mapping[Trail, str] = PrivateAttr(default_factory=dict)

    @property
    def literals(self) -> Mapping[Trail, str]:
        """What stands in the file, such as `${NAME}`, wherever a value was filled in from outside."""
        return self._literals

    def noting(self, literals: Mapping[Trail, str]) -> Self:
        """The same, knowing what stands in the file."""
        copy = self.model_copy()
        copy._literals = literals
        return copy

    def policy(self) -> Policy:
        """The playbook with this school's changes."""
        purposes = {head: bool(getattr(self.purposes, head.value)) for head in Head}
        return make_policy(read_playbook(), self.thresholds, purposes)

    def scored(self) -> Mapping[str, frozenset[Head]]:
        """The heads for which a source's posts are scored, for each source where these are not all three.

        What a source says goes before what its platform's terms allow.
        """
        asked = {source.name: source.scores or _TERMS[type(source)].scores for source in self.sources}
        return {
            name: frozenset(map(Head, heads)) for name, heads in asked.items() if set(heads) != set(ALL_THREE)
        }

    def looser(self) -> tuple[str, ...]:
        """Whatever lets more pass than all that could be looked for: digests repeat it."""
        unscored = (
            f"What '{name}' brings is not scored for {' or '.join(sorted(set(ALL_THREE) - heads))}: "
            "nobody hears of that kind of thing from there."
            for name, heads in self.scored().items()
        )
        return (*self.policy().looser, *unscored)

    def kept(self) -> Retention:
        """How long things are kept: what the file says, and what the terms of platforms ask."""
        return replace(
            self.retention.rules(),
            platforms={one.name: one.terms.keep for one in PLATFORMS if one.terms.keep is not None},
            followed=frozenset(one.name for one in PLATFORMS if one.terms.deleted),
        )

    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody who gets mail, once each, with all their roles."""
        everywhere = frozenset(school.id for school in self.schools)
        people: dict[str, Recipient] = {}
        for role, persons in self.people.by_role():
            for person in persons:
                known = people.get(person.email.lower())
                people[person.email.lower()] = Recipient(
                    name=known.name if known else person.name,
                    email=known.email if known else person.email,
                    roles=(known.roles if known else frozenset()) | {role},
                    schools=(known.schools if known else frozenset())
                    | (frozenset(person.schools) or everywhere),
                )
        return tuple(people.values())

    def all_contacts(self) -> Mapping[str, Contact]:
        """The national contacts and the school's own, which win."""
        playbook = read_playbook()
        own = {
            key: contact if contact.use else contact.model_copy(update={"use": playbook.local.get(key, "")})
            for key, contact in self.contacts.items()
        }
        return {**playbook.contacts, **own}

    def database_url(self) -> str:
        """Where the database is, with the password if there is one."""
        return (
            f"sqlite:///{self.data / 'monitor.db'}"
            if self.database is None
            else self.database.get_secret_value()
        )

    def post(self, http: httpx.Client) -> Mailer | Outbox:
        """What takes finished messages: the mail server, or a folder when none is set."""
        mail = self.mail
        if mail.server is None:
            return Outbox(mail.outbox or self.data / "outbox")
        return Mailer(
            host=mail.server,
            port=mail.port_used,
            sender=mail.sender,
            security=mail.security,
            login=_login(mail, http),
            trust=trusted(self.network.ca_bundle),
            proxy=self.network.proxy_url(),
        )

    def warnings(self, at: datetime) -> list[str]:
        """What a person should see to, although the software works: cover, contacts and governance."""
        return [
            *advice.on_people(self.people, self.schools, self.mail),
            *advice.on_contacts(self.contacts, read_playbook()),
            *self.against_terms(),
            *advice.on_governance(self.governance, at.astimezone(self.digest.timezone).date()),
            *advice.on_delivery(self.mail, self.heartbeat),
            *advice.on_sealing(self.evidence, self.sources),
        ]

    def against_terms(self) -> list[str]:
        """Where these settings do more than the terms of a platform allow, in sentences."""
        return [
            line
            for source in self.sources
            for line in advice.on_terms(source.name, source.scores, _TERMS[type(source)])
        ]


def _login(mail: Mail, http: httpx.Client) -> Password | Refreshed | None:
    if mail.user is not None and mail.password is not None:
        return Password(user=mail.user, password=mail.password.get_secret_value())
    if mail.user is None or mail.oauth is None:
        return None
    return Refreshed(
        user=mail.user,
        endpoint=mail.oauth.token_url,
        client_id=mail.oauth.client_id,
        client_secret=mail.oauth.client_secret.get_secret_value(),
        refresh_token=mail.oauth.refresh_token.get_secret_value(),
        http=http,
    )
