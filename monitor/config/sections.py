"""The parts of the configuration: every option, its default, and what it is for."""

import re
from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from connectors.durations import Duration
from monitor.config.problems import hint
from monitor.evidence.sealing import PRIVATE_KEY, is_public_key
from monitor.mail.items import Detail
from monitor.mail.mailer import Security
from monitor.playbook import Role
from monitor.store.forgetting import Retention

_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\"\\]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}", re.I
)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]+", re.I)
_ALLOWED = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/@\[\]]+)(:\d{1,5})?|[0-9a-f:.]+", re.I)
_PASSWORD = re.compile(r"(://[^/@:\s]*:)([^/@\s]+)@")
_DAY = timedelta(days=1)
_CENTURY = timedelta(days=36_500)
_FEWEST_KEYS = 2

STRICT = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _email(text: str) -> str:
    if _EMAIL.fullmatch(text) is None:
        raise ValueError("write one e-mail address, such as dsl@harrowbygreen.example")
    return text


def _web(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", text):
        raise ValueError("write a web address, such as https://www.harrowbygreen.example/monitoring")
    return text


def _proxy(secret: SecretStr) -> SecretStr:
    parts = urlsplit(secret.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("write the proxy's address, such as http://proxy.school.example:8080")
    return secret


def _database(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError(
            "write sqlite:///folder/monitor.db or postgresql://user:password@server/database;"
            " leave it out for a file in the data folder"
        )
    return secret


def _clock(written: Any) -> time:
    if isinstance(written, time):
        return written
    match = _CLOCK.fullmatch(str(written).strip())
    if match is None:
        raise ValueError('write a time of day between "00:00" and "23:59", such as "07:30"')
    return time(int(match[1]), int(match[2]))


def _zone(name: Any) -> ZoneInfo:
    if isinstance(name, ZoneInfo):
        return name
    try:
        return ZoneInfo(str(name))
    except (LookupError, ValueError, OSError):
        known = available_timezones()
        raise ValueError(
            f"write the name of a time zone, such as Europe/London.{hint(str(name), known)}"
        ) from None


def _host(text: str) -> str:
    if _HOST.fullmatch(text) is None:
        raise ValueError(
            "write the name of a server alone, such as smtp.office365.com, without https:// or a port"
        )
    return text


def _allowed(text: str) -> str:
    if _ALLOWED.fullmatch(text) is None:
        raise ValueError("write a host, or a host and a port, such as forum.school.example or 10.0.0.5:8080")
    return text


def _age_key(text: str) -> str:
    if text.upper().startswith(PRIVATE_KEY):
        raise ValueError(
            "this is a private key, which never belongs on this machine: make a new pair, since this one has "
            "been here, and write its public key (age1…)"
        )
    if not is_public_key(text):
        raise ValueError("this is no public key, or a letter of it is wrong: copy the line that begins age1")
    return text


def _beside(path: Path, info: ValidationInfo) -> Path:
    """A relative path starts at the folder of the configuration file."""
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder) / path


def without_password(url: str) -> str:
    """The address with any password in it left out, for people to read."""
    return _PASSWORD.sub(r"\1***@", url)


Email = Annotated[str, AfterValidator(_email), Field(json_schema_extra={"format": "email"})]
Web = Annotated[str, AfterValidator(_web), Field(json_schema_extra={"format": "uri"})]
Host = Annotated[str, AfterValidator(_host)]
Allowed = Annotated[str, AfterValidator(_allowed)]
Zone = Annotated[
    ZoneInfo,
    BeforeValidator(_zone),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["Europe/London"]}),
]
Beside = Annotated[Path, AfterValidator(_beside)]
Clock = Annotated[
    time,
    BeforeValidator(_clock),
    PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^([01]?\d|2[0-3]):[0-5]\d$", "examples": ["07:30"]}),
]
AgeKey = Annotated[
    str,
    AfterValidator(_age_key),
    Field(json_schema_extra={"pattern": "^age1[02-9ac-hj-np-z]{58}$"}),
]
Kept = Annotated[Duration, Field(ge=_DAY, le=_CENTURY)]
# These addresses may stand in the file as they are, but not with a password in them: see loading.
_Shown = PlainSerializer(lambda secret: without_password(secret.get_secret_value()), return_type=str)
ProxyAddress = Annotated[SecretStr, AfterValidator(_proxy), _Shown, WithJsonSchema({"type": "string"})]
DatabaseAddress = Annotated[SecretStr, AfterValidator(_database), _Shown, WithJsonSchema({"type": "string"})]


class Person(BaseModel):
    """Somebody who gets mail."""

    model_config = STRICT

    name: Annotated[
        str, Field(min_length=1, max_length=120, description="Their name, for greetings and records.")
    ]
    email: Annotated[Email, Field(description="Their school e-mail address (STG-5c).")]
    schools: Annotated[
        tuple[str, ...], Field(description="The ids of the schools that they look after; all when left out.")
    ] = ()


class People(BaseModel):
    """Who hears of what: one list for each role. Two people in a role cover each other's absence (STG-5d)."""

    model_config = STRICT

    dsl: Annotated[
        tuple[Person, ...], Field(description="Designated Safeguarding Leads: hear of everything serious.")
    ] = ()
    deputies: Annotated[
        tuple[Person, ...], Field(description="Deputy Designated Safeguarding Leads: the same as the lead.")
    ] = ()
    head: Annotated[
        tuple[Person, ...], Field(description="The Head: staff matters, press, and what concerns the DSL.")
    ] = ()
    chair: Annotated[
        tuple[Person, ...],
        Field(
            description="The chair of governors: hears in place of the Head what concerns the Head "
            "(BAN-2.7b)."
        ),
    ] = ()
    comms: Annotated[
        tuple[Person, ...],
        Field(description="Communications: questions, complaints, the school's name and logo."),
    ] = ()
    dpo: Annotated[
        tuple[Person, ...], Field(description="The data protection officer: data made public.")
    ] = ()
    hr: Annotated[
        tuple[Person, ...], Field(description="The human resources adviser: conduct of staff.")
    ] = ()
    administrators: Annotated[
        tuple[Person, ...],
        Field(description="Whoever runs this software: sources that fail, mail that is stuck; never posts."),
    ] = ()

    def by_role(self) -> Iterator[tuple[Role, tuple[Person, ...]]]:
        """Each role with its people, in the order above."""
        for role in type(self).model_fields:
            yield Role(role), getattr(self, role)


class Purposes(BaseModel):
    """What may be watched for; each of the three can be switched off."""

    model_config = STRICT

    abuse: Annotated[bool, Field(description="Alert on abuse of pupils, staff, parents and governors.")] = (
        True
    )
    safeguarding: Annotated[bool, Field(description="Alert on signs that a child may be at risk.")] = True
    reputational: Annotated[bool, Field(description="Alert on what may harm the school's good name.")] = True


class Digest(BaseModel):
    """The daily letter, which goes out on quiet days too."""

    model_config = STRICT

    at: Annotated[Clock, Field(description='When the daily digest goes out, as "07:30".')] = time(7, 30)
    timezone: Annotated[
        Zone, Field(description="The time zone of that time, and of every time that people are shown.")
    ] = ZoneInfo("Europe/London")


class OAuth(BaseModel):
    """Signing in to the mail server with a token (XOAUTH2), as Microsoft 365 and Google ask for."""

    model_config = STRICT

    token_url: Annotated[Web, Field(description="Where a fresh access token is asked for.")]
    client_id: Annotated[str, Field(min_length=1, description="The id of the registered application.")]
    client_secret: Annotated[SecretStr, Field(description="The application's secret; by ${…} only.")]
    refresh_token: Annotated[
        SecretStr, Field(description="The refresh token of the sending account; by ${…} only.")
    ]


_PORTS = {Security.NONE: 25, Security.STARTTLS: 587, Security.TLS: 465}


class Mail(BaseModel):
    """How mail leaves. Without a server, messages are put into a folder."""

    model_config = STRICT

    server: Annotated[
        Host | None, Field(description="The mail server's name; without one, see `outbox`.")
    ] = None
    port: Annotated[
        int | None,
        Field(
            ge=1, le=65_535, description="Its port; when left out 587 for starttls, 465 for tls, 25 for none."
        ),
    ] = None
    security: Annotated[
        Security,
        Field(
            description="How the way there is encrypted: starttls, tls, or none (inside the school's "
            "network only)."
        ),
    ] = Security.STARTTLS
    user: Annotated[
        str | None, Field(min_length=1, description="The account to sign in with, if the server asks.")
    ] = None
    password: Annotated[SecretStr | None, Field(description="That account's password; by ${…} only.")] = None
    oauth: Annotated[
        OAuth | None, Field(description="Sign in with a token instead of a password (Microsoft 365, Google).")
    ] = None
    from_: Annotated[
        Email | None,
        Field(alias="from", description="The address that mail comes from; needed with a server."),
    ] = None
    detail: Annotated[
        Detail,
        Field(
            description="How much a mail says of an alert: minimal (kind and time), link (also the "
            "post's address), "
            "excerpt (also the beginning of its text)."
        ),
    ] = Detail.LINK
    outbox: Annotated[
        Beside | None,
        Field(
            description="The folder for messages when there is no server; `outbox` in the data folder if "
            "left out."
        ),
    ] = None

    @property
    def sender(self) -> str:
        """The address that mail comes from; one that leads nowhere when messages only go into a folder."""
        return self.from_ or "monitor@localhost"

    @property
    def port_used(self) -> int:
        """The port that is set, or the usual one."""
        return self.port or _PORTS[self.security]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        login = self.password is not None or self.oauth is not None
        wrong = (
            (self.server is not None and self.from_ is None, "with a server, 'from' is needed too"),
            (self.password is not None and self.oauth is not None, "give 'password' or 'oauth', not both"),
            (login and self.user is None, "to sign in, 'user' is needed too"),
            (self.user is not None and not login, "with 'user', a 'password' or 'oauth' is needed too"),
            (
                login and self.security is Security.NONE,
                "a password or token is never sent without encryption: set security to starttls or tls",
            ),
        )
        if said := "; ".join(message for is_wrong, message in wrong if is_wrong):
            raise ValueError(said)
        return self


class Keep(BaseModel):
    """How long things are kept; the school's own retention schedule decides."""

    model_config = STRICT

    below_threshold: Annotated[
        Kept, Field(description="Text and author of a mention that was not an alert.")
    ] = timedelta(days=14)
    not_a_concern: Annotated[
        Kept, Field(description="Text and author of an alert that a person found to be no concern.")
    ] = timedelta(days=30)
    closed: Annotated[Kept, Field(description="Text and author of any other alert, after it was closed.")] = (
        timedelta(days=365)
    )
    evidence: Annotated[Kept, Field(description="Captures of an alert, after it was closed.")] = timedelta(
        days=365
    )

    def rules(self) -> Retention:
        """As the store wants it."""
        return Retention(
            below_threshold=self.below_threshold,
            not_a_concern=self.not_a_concern,
            closed=self.closed,
            evidence=self.evidence,
        )


class Authority(BaseModel):
    """Somebody who puts the time to a hash (RFC 3161); nothing but the hash is sent."""

    model_config = STRICT

    name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$", description="What you call it, once each.")
    ]
    url: Annotated[Web, Field(description="Where it takes requests.")]
    roots: Annotated[
        Beside | None,
        Field(
            description="A PEM file with its root certificate; when left out, it must chain to a root that "
            "browsers trust."
        ),
    ] = None


class Evidence(BaseModel):
    """How evidence is taken, pinned and locked away."""

    model_config = STRICT

    images: Annotated[
        Literal["after_check", "never"],
        Field(
            description="Whether a screen print may show the pictures of a page: after_check (only where the "
            "words of the whole page have been checked, and only for abuse and reputation), or never."
        ),
    ] = "after_check"
    authorities: Annotated[
        tuple[Authority, ...],
        Field(max_length=5, description="Time-stamp authorities; two or more are better than one."),
    ] = ()
    sealed: Annotated[
        bool,
        Field(
            description="Whether captures and the words of posts are sealed for the people below as they are "
            "written, so that this machine cannot read them again."
        ),
    ] = False
    recipients: Annotated[
        tuple[AgeKey, ...],
        Field(description="The public keys (age1…) of those who can open what is sealed; at least two."),
    ] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [authority.name.lower() for authority in self.authorities]
        if len(set(names)) != len(names):
            raise ValueError("two authorities have the same name: call each by a name of its own")
        if len(set(self.recipients)) != len(self.recipients):
            raise ValueError("a recipient stands there twice: one key is no replacement for itself")
        if self.sealed and len(self.recipients) < _FEWEST_KEYS:
            raise ValueError(
                "with 'sealed', at least two 'recipients' are needed, since nobody opens what one lost key "
                "sealed; `monitor evidence new-key` makes one"
            )
        return self


class Network(BaseModel):
    """The school's way out to the internet."""

    model_config = STRICT

    proxy: Annotated[
        ProxyAddress | None,
        Field(description="The proxy that everything goes through; a password in it by ${…} only."),
    ] = None
    ca_bundle: Annotated[
        Beside | None,
        Field(
            description="A PEM file with the certificate of a proxy or filter that re-signs encrypted pages."
        ),
    ] = None
    allow: Annotated[
        tuple[Allowed, ...],
        Field(
            description="Hosts, or host:port, that may be read although they are inside the school's network."
        ),
    ] = ()

    def proxy_url(self) -> str | None:
        """The proxy's address, with the password if there is one."""
        return None if self.proxy is None else self.proxy.get_secret_value()


class Heartbeat(BaseModel):
    """Signs of life for a check from outside, so that somebody notices when this machine is dead."""

    model_config = STRICT

    file: Annotated[
        Beside | None, Field(description="A file that is touched at least once a minute while all is well.")
    ] = None
    url: Annotated[
        Web | None, Field(description="An address that is asked every five minutes while all is well.")
    ] = None


class Governance(BaseModel):
    """What the school has decided and published; what is missing or overdue is a warning, never an error."""

    model_config = STRICT

    dpia: Annotated[
        str | None,
        Field(max_length=200, description="Where the data protection impact assessment is, or its number."),
    ] = None
    notice_url: Annotated[
        Web | None, Field(description="The page that tells parents and pupils of this monitoring (STG-5f).")
    ] = None
    approved_by: Annotated[
        str | None, Field(max_length=120, description="Who approved its use (STG-3c).")
    ] = None
    approved_on: Annotated[date | None, Field(description="When, as 2026-09-01.")] = None
    review_due: Annotated[
        date | None,
        Field(description="When the assessment and this file are to be reviewed (BAN-0), as 2027-09-01."),
    ] = None
