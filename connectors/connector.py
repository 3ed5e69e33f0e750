"""What every connector is, polled or listened to, and the two ways in which one fails."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field

from connectors.durations import Duration
from connectors.post import Batch, State

Scored = Literal["abuse", "safeguarding", "reputational"]


class Unavailable(Exception):
    """The source did not answer as it should; the next try may succeed."""

    def __init__(self, reason: str, state: State, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.state = state
        self.retry_after = retry_after


class Refused(Exception):
    """The source will not answer until a person does something; `reason` says what."""

    def __init__(self, reason: str, state: State) -> None:
        super().__init__(reason)
        self.reason = reason
        self.state = state


class Place(BaseModel):
    """Where posts come from, whichever way; its fields are its YAML.

    Making one opens nothing. A platform adds its own fields, among them `platform` (a literal).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    searched: ClassVar[tuple[str, ...]] = ()
    """The settings whose words are searched for: each must name the school (BAN-4.1.13)."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=80, description="What people call this source; unique in the file."),
    ]
    every: Annotated[
        Duration,
        Field(
            ge=timedelta(minutes=1),
            le=timedelta(days=1),
            description="How often to read it, as 15m or 2h; at least once a day (CLA-MON1).",
        ),
    ] = timedelta(minutes=15)
    official: Annotated[
        str | None,
        Field(
            description="The id of the school whose own page or account this is: everything said there "
            "concerns that school."
        ),
    ] = None
    scores: Annotated[
        tuple[Scored, ...] | None,
        Field(
            min_length=1,
            description="What its posts are scored for: abuse, safeguarding, reputational. When left out, "
            "all that the platform's terms allow; nothing else is kept, shown or alerted.",
            examples=[["abuse", "reputational"]],
        ),
    ] = None

    @property
    @abstractmethod
    def host(self) -> str:
        """The host that is asked: sources on one host back off together."""


class Connector(Place):
    """A place that is asked for posts now and again."""

    @abstractmethod
    def fetch(self, http: httpx.Client, cursor: str | None) -> Batch:
        """Read what is new since `cursor`; None asks for a bounded first batch.

        Raises Unavailable or Refused, and nothing else.
        """


class Stream(Place):
    """A place that tells of posts by itself, as they are written, for as long as somebody listens."""

    official: None = Field(default=None, description="Not for a stream: it is nobody's own account.")

    @abstractmethod
    def listen(
        self,
        http: httpx.Client,
        cursor: str | None,
        on_batch: Callable[[Batch], None],
        stop: Callable[[], bool],
    ) -> None:
        """Hand over what is written since shortly before `cursor`, until `stop` is true; None begins anew.

        Whoever is handed a batch keeps it and its cursor before the next one comes. `stop` is asked every
        second or so. Raises Unavailable or Refused, what `on_batch` raises, and nothing else.
        """
