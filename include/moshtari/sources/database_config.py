"""What the YAML says of an entity of a database."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, field_validator, model_validator


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
