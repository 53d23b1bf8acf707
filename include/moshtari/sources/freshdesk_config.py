"""Configuration of the `freshdesk` source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from moshtari.sources.http_config import HttpPolicy, checked_base_url


class FreshdeskConfig(BaseModel):
    """One Freshdesk account, as the deployment's YAML describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["freshdesk"]
    base_url: Annotated[str, AfterValidator(checked_base_url)]
    api_key: SecretStr = Field(min_length=1)
    entities: tuple[Literal["tickets", "ticket_events"], ...] = Field(
        default=("tickets", "ticket_events"), min_length=1
    )
    order_id_from: str | None = None
    """Custom field of a ticket that holds the shop's order, such as `cf_order`."""
    customer_id_from: str | None = None
    """Custom field of a ticket that holds the shop's customer id."""
    statuses: dict[int, str] = Field(default_factory=dict)
    """Names of the account's own statuses, by number."""
    satisfaction: bool = True
    """Whether to read ratings; accounts without surveys refuse them."""
    page_size: int = Field(default=100, ge=1, le=100)
    lookback_hours: float = Field(default=1, ge=0, le=24 * 31)
    http: HttpPolicy = HttpPolicy()
