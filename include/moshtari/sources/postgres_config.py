"""Configuration of the `postgres` source, checked against the contract before anything is read."""

from __future__ import annotations

from typing import Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from moshtari.landing.contract import ENTITIES
from moshtari.sources.ranges import Parallel


class EntityConfig(BaseModel):
    """One entity: where its rows are, and the expression of each contract column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str | None = None
    query: str | None = None
    where: str | None = None
    changed_at: str | None = None
    row_versions: bool = False
    columns: dict[str, str]

    @field_validator("columns", mode="before")
    @classmethod
    def _expressions(cls, value: object) -> object:
        if isinstance(value, dict):
            # YAML reads `is_employee: false` and `line_no: 1` as values; they are SQL here.
            return {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in value.items()}
        return value

    @model_validator(mode="after")
    def _one_place(self) -> EntityConfig:
        if (self.table is None) == (self.query is None):
            raise ValueError("give either `table` or `query`, and not both")
        if self.row_versions and (self.table is None or self.changed_at is None):
            raise ValueError("`row_versions` needs `table`, whose rows have them, and `changed_at`")
        return self

    @property
    def relation(self) -> str:
        """The FROM item."""
        if self.table is not None:
            return self.table
        assert self.query is not None
        return f"(\n{self.query.strip().rstrip(';')}\n) as source"


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
    entities: dict[str, EntityConfig] = Field(min_length=1)

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

    @field_validator("entities")
    @classmethod
    def _in_the_contract(cls, value: dict[str, EntityConfig]) -> dict[str, EntityConfig]:
        for name, config in value.items():
            if name not in ENTITIES:
                raise ValueError(f"{name!r} is no entity; use one of: {', '.join(ENTITIES)}")
            problems = ENTITIES[name].mapping_problems(config.columns)
            if problems:
                raise ValueError("; ".join(problems))
        return value
