"""Configuration of the `postgres` source, checked against the contract before anything is read."""

from __future__ import annotations

from typing import Annotated, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

from moshtari.landing.contract import in_the_contract
from moshtari.sources.database_config import EntityConfig
from moshtari.sources.ranges import Parallel


class PostgresConfig(BaseModel):
    """The source's part of the YAML.

    `timezone` is the zone of `timestamp` columns (those without a zone); without it, they are an
    error. `changed_at` omitted: the whole table is read every night.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["postgres"] = "postgres"
    dsn: str = Field(min_length=1, repr=False)
    timezone: str | None = None
    lookback_hours: float = Field(default=6, ge=0)
    statement_timeout_seconds: float = Field(default=3600, gt=0)
    read_timeout_seconds: float = Field(default=900, gt=0, le=86400)
    """Longest silence of the server; a query that sorts is silent until its first row."""
    parallel: Parallel | None = None
    entities: Annotated[dict[str, EntityConfig], AfterValidator(in_the_contract)] = Field(
        min_length=1
    )

    @field_validator("dsn")
    @classmethod
    def _connection_string(cls, value: str) -> str:
        try:
            conninfo_to_dict(value)
        except psycopg.ProgrammingError:
            # libpq's own complaint quotes the string, password and all.
            raise ValueError(
                "this is no connection string such as postgresql://user:password@host/database"
            ) from None
        return value
