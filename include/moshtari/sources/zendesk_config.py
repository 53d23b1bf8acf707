"""Configuration of the `zendesk` source, and the client that follows from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Literal

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from moshtari.sources.http import HttpClient
from moshtari.sources.http_config import HttpPolicy, checked_base_url

_REMEDIES = {
    401: "See that email and token are right and that token access is on in Zendesk's Admin Center",
    403: "The incremental exports need an admin: use the token with an admin's email",
    404: "See that base_url is the help desk's own, such as https://shop.zendesk.com",
    422: "Zendesk keeps back the last minute and refuses later starts: run a day that is over",
    400: "Zendesk keeps back the last minute and refuses later starts: run a day that is over",
    429: "Raise http.tries, or keep other programs off the exports (10 requests a minute)",
}


class ZendeskConfig(BaseModel):
    """One Zendesk account, as the deployment's YAML describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["zendesk"]
    base_url: Annotated[str, AfterValidator(checked_base_url)]
    email: str = Field(min_length=3)
    token: SecretStr = Field(min_length=1)
    entities: tuple[Literal["tickets", "ticket_events"], ...] = Field(
        default=("tickets", "ticket_events"), min_length=1
    )
    order_id_from: int | Literal["external_id"] | None = None
    """Where a ticket holds the shop's order: the id of a custom field, or the external id."""
    customer_id_from: Literal["external_id"] | None = None
    """Where a user holds the shop's customer id."""
    page_size: int = Field(default=1000, ge=1, le=1000)
    lookback_hours: float = Field(default=1, ge=0, le=24 * 31)
    http: HttpPolicy = HttpPolicy()


def help_desk(
    name: str,
    config: ZendeskConfig,
    *,
    tries: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> HttpClient:
    """What asks the account on behalf of the source of this name."""
    auth = httpx.BasicAuth(f"{config.email}/token", config.token.get_secret_value())
    policy = config.http.patience(tries)
    return HttpClient(name, config.base_url, policy, auth=auth, remedies=_REMEDIES, sleep=sleep)
