"""Configuration of the `mysql` source, checked against the contract before anything is read."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import parse_qsl, unquote, urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
)

from moshtari.landing.contract import in_the_contract
from moshtari.sources.database_config import EntityConfig
from moshtari.sources.ranges import Parallel

_URL = "this is no connection string such as mysql://user:password@host:3306/database"


def _known_zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"{value!r} is not a time zone; use a name such as Asia/Tehran or UTC")
    return value


Zone = Annotated[str, AfterValidator(_known_zone)]


class MysqlServer(BaseModel):
    """Where the server is and who reads it. `socket` is a path, and takes the place of the host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=3306, ge=1, le=65535)
    socket: str | None = None
    user: str = Field(min_length=1)
    password: SecretStr = SecretStr("")
    database: str = Field(min_length=1)
    ssl_ca: str | None = None
    """File with the authority that signed the server's certificate: TLS, and no other server."""


def _parsed(value: object) -> object:
    """A URL as the keys that it stands for. What is wrong with it is told without quoting it."""
    if not isinstance(value, str):
        return value
    try:
        url = urlsplit(value)
        port = url.port
    except ValueError:
        raise ValueError(_URL) from None
    if url.scheme not in ("mysql", "mariadb") or url.username is None or len(url.path) < 2:
        raise ValueError(_URL)
    keys = {
        "host": url.hostname,
        "port": port,
        "user": unquote(url.username),
        "password": unquote(url.password or ""),
        "database": unquote(url.path[1:]),
    }
    return dict(parse_qsl(url.query)) | {name: key for name, key in keys.items() if key is not None}


class MysqlEntityConfig(EntityConfig):
    """One entity, as for `postgres`; `timezone` where its DATETIME columns have another zone."""

    timezone: Zone | None = None


class MysqlConfig(BaseModel):
    """The source's part of the YAML.

    `timezone` is the zone of DATETIME and DATE columns, which have none; without it, a contract
    time made of one is an error. `changed_at` omitted: the whole table is read every night.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["mysql"] = "mysql"
    dsn: Annotated[MysqlServer, BeforeValidator(_parsed)]
    timezone: Zone | None = None
    lookback_hours: float = Field(default=6, ge=0)
    statement_timeout_seconds: float = Field(default=3600, gt=0, le=86400)
    read_timeout_seconds: float = Field(default=900, gt=0, le=86400)
    """Longest silence of the server; a query that sorts is silent until its first row."""
    parallel: Parallel | None = None
    entities: Annotated[dict[str, MysqlEntityConfig], AfterValidator(in_the_contract)] = Field(
        min_length=1
    )
