"""Vtiger CRM: tickets, customers and orders, by the web service's `sync` of a module.

HelpDesk becomes tickets, Contacts customers, SalesOrder orders, and the lines of orders that
changed order_items. An administrator's access key is needed: `sync` shows all records to
administrators only. What the web service cannot tell, and what follows from it:

- A record is shown in its present state only. One changed again after the window's end is left for
  that later day; the state in between is not to be had. There are no events of a ticket.
- Times have no zone. They are those of the server's `default_timezone` (config.inc.php), which is
  UTC unless someone has changed it, and not those of the user: `timezone` says which. Records that
  lie elsewhere than the server says stop the load, so a wrong zone is found.
- A batch is all that changed past a time, up to the time of the hundredth record: records of one
  second are never parted, and the next batch begins past that second. A record that is changed
  while the module is read comes again, later.
- Deleted records come by their ids, without a time. They are tombstones of the batch's time.
- A field that is renamed, or hidden from the user, would be empty everywhere: the fields in use are
  looked up first, and a missing one stops the load.
- The lines of an order are had order by order. A line taken out of an order leaves no trace,
  and keys are not compared (`reconcile`): no list has the lines, and all else comes by `sync`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
)

from moshtari.landing.contract import ENTITIES
from moshtari.sources.base import (
    Batch,
    CheckResult,
    KeptRecord,
    SourceError,
    Window,
)
from moshtari.sources.http import HttpClient
from moshtari.sources.http_config import HttpPolicy, checked_base_url
from moshtari.sources.http_source import HttpSource
from moshtari.sources.json_records import reject_once
from moshtari.sources.vtiger_reading import Reading
from moshtari.sources.vtiger_records import DEFAULT_FIELDS, MODULES, Fields
from moshtari.sources.vtiger_sync import Session, passing_fault

_HTTP_REMEDIES = {
    401: "See that base_url is Vtiger's own and no login page stands before it",
    403: "See that the server lets webservice.php be reached from here",
    404: "See that base_url is the folder of webservice.php, such as https://crm.example.com",
}


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, ZoneInfoNotFoundError):
        raise ValueError("write a zone such as UTC or Asia/Tehran") from None
    return value


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


OneOrMore: TypeAlias = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_several),
    Field(min_length=1),
]


class VtigerConfig(BaseModel):
    """One Vtiger, as the deployment's YAML describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["vtiger"]
    base_url: Annotated[str, AfterValidator(checked_base_url)]
    username: str = Field(min_length=1)
    access_key: SecretStr = Field(min_length=1)
    """The user's access key, from its preferences; not the password."""
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """`default_timezone` of the server's config.inc.php."""
    entities: tuple[Literal["tickets", "customers", "orders", "order_items"], ...] = Field(
        default=("tickets", "customers", "orders", "order_items"), min_length=1
    )
    fields: dict[Literal["tickets", "customers", "orders"], dict[str, OneOrMore | None]] = Field(
        default_factory=dict
    )
    """Contract column: the field that holds it, or several of which the first with a value counts,
    or null for none. What is not named here stands in `vtiger_records.DEFAULT_FIELDS`."""
    currency: str | None = Field(default=None, min_length=3, max_length=3)
    """Of all orders; without it, each order's own is looked up."""
    lookback_hours: float = Field(default=1, ge=0, le=24 * 31)
    http: HttpPolicy = HttpPolicy()

    @field_validator("fields")
    @classmethod
    def _in_the_contract(
        cls, value: dict[str, dict[str, tuple[str, ...] | None]]
    ) -> dict[str, dict[str, tuple[str, ...] | None]]:
        for name, fields in value.items():
            entity = ENTITIES[name]
            fixed = {*entity.key, "updated_at", "consents"}
            for column, chosen in fields.items():
                if column not in entity.column_names or column in fixed:
                    raise ValueError(f"{name}: no field can be chosen for {column}")
                needed = entity.column(column).required and column in DEFAULT_FIELDS[name]
                if chosen is None and needed and column not in ("channel", "shipping_amount"):
                    raise ValueError(f"{name}: {column} is required")
        return value

    def fields_of(self, entity: str) -> Fields:
        """The fields of every column of the entity that a field holds."""
        chosen = {**DEFAULT_FIELDS[entity], **self.fields.get(entity, {})}  # type: ignore[call-overload]
        return {column: fields for column, fields in chosen.items() if fields is not None}


class VtigerSource(HttpSource[VtigerConfig]):
    """Reads tickets, customers, orders and their lines from one Vtiger."""

    kind: ClassVar[str] = "vtiger"
    Config: ClassVar[type[BaseModel]] = VtigerConfig

    def entities(self) -> tuple[str, ...]:
        return tuple(self._config.entities)

    def read(self, entity: str, window: Window) -> Iterator[Batch]:
        """The window's changes; SourceError when the module cannot be read whole."""
        if entity not in (*MODULES, "order_items"):
            raise ValueError(f"source {self.name} supplies no {entity}")
        with self._client() as client:
            reading = self._reading(entity, self._session(client))
            yield from reject_once(reading.batches(window))

    def replay(self, entity: str, records: Sequence[KeptRecord], window: Window) -> Iterator[Batch]:
        """What was kept, by the present mapping; what else that takes is asked anew."""
        with self._client() as client:
            yield from self._reading(entity, self._session(client)).replay(records, window)

    def check(self) -> list[CheckResult]:
        """Logs in, looks the fields up and asks for an empty batch, which takes permission."""
        results = []
        with self._client(tries=2) as client:
            session = self._session(client)
            for entity in self.entities():
                name = f"{self.name}: {entity}"
                reading = self._reading(entity, session)
                try:
                    reading.miss_no_field()
                    reading.sync.past()
                except SourceError as error:
                    results.append(CheckResult(name, False, error.what, error.remedy))
                else:
                    detail = f"{self._config.base_url} shows {entity}"
                    results.append(CheckResult(name, True, detail))
        return results

    def _client(self, tries: int | None = None) -> HttpClient:
        return HttpClient(
            self.name,
            self._config.base_url,
            self._config.http.patience(tries),
            remedies=_HTTP_REMEDIES,
            passing_fault=passing_fault,
            sleep=self._sleep,
        )

    def _session(self, client: HttpClient) -> Session:
        key = self._config.access_key.get_secret_value()
        return Session(self.name, client, self._config.username, key)

    def _reading(self, entity: str, session: Session) -> Reading:
        config, of = self._config, "orders" if entity == "order_items" else entity
        zone = ZoneInfo(config.timezone)
        return Reading(self.name, entity, session, config.fields_of(of), zone, config.currency)
