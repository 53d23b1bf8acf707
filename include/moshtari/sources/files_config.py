"""What the YAML says about a source made of files: place, format, columns, mapping.

The mapping is data, not code. `columns` declares what each file must hold and of which type;
`derive`, `exclude` and `entities` are DuckDB SQL expressions over those typed columns, beside which
stand `line` (number of the record's first line in its file, header included) and `file` (its path).
"""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from moshtari.landing.contract import in_the_contract

# The two names every expression may use beside the declared columns.
RESERVED_NAMES = ("line", "file")

_TYPE = re.compile(
    r"text|text\[\]|id|integer|boolean|date|timestamp|json"
    r"|decimal(?:\((?P<width>\d+),\s*(?P<scale>\d+)\))?"
)
_TYPES = "text, id, integer, decimal, decimal(p,s), boolean, date, timestamp, json, text[]"
_DECIMAL = (38, 6)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known_encoding(value: str) -> str:
    try:
        return codecs.lookup(value).name
    except LookupError:
        raise ValueError(f"{value!r} is not an encoding; write one such as utf-8") from None


Encoding = Annotated[str, BeforeValidator(_known_encoding)]
Character = Annotated[str, Field(min_length=1, max_length=1)]


class Delimited(_Model):
    """CSV or TSV. `header: false` means the columns stand in the order of `columns`.

    `quote: null` switches quoting off; `escape` is a character that takes the next one literally.
    """

    type: Literal["csv", "tsv"] = "csv"
    delimiter: Character | None = None
    quote: Character | None = '"'
    escape: Character | None = None
    encoding: Encoding = "utf-8"
    header: bool = True
    skip_lines: int = Field(default=0, ge=0)

    @property
    def separator(self) -> str:
        return self.delimiter or ("\t" if self.type == "tsv" else ",")


class JsonLines(_Model):
    """One JSON object a line. Numbers are taken as they are written, never as floats."""

    type: Literal["jsonl"]
    encoding: Encoding = "utf-8"


class FixedWidth(_Model):
    """Space-padded columns at fixed places, `{name: [start, width]}`; the first character is 1."""

    type: Literal["fixed_width"]
    columns: dict[str, tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]]
    encoding: Encoding = "utf-8"
    skip_lines: int = Field(default=0, ge=0)


class Parquet(_Model):
    """Parquet; its values keep their own types on the way to those of `columns`."""

    type: Literal["parquet"]


class Xlsx(_Model):
    """One sheet of a workbook: the named one, or the first; the first row has the names.

    `skip_rows` leaves out what stands above the row of names.
    """

    type: Literal["xlsx"]
    sheet: str | None = None
    skip_rows: int = Field(default=0, ge=0)


FileFormat = Annotated[
    Delimited | JsonLines | FixedWidth | Parquet | Xlsx, Field(discriminator="type")
]


class ColumnSpec(_Model):
    """A column of the file: its type, and where it differs from the rest its own settings.

    `header` is its name in the file (when expressions should use another), `format` an strptime
    pattern for dates and times, `calendar` overrides the source's.
    """

    type: str
    header: str | None = None
    format: str | None = None
    calendar: Literal["gregorian", "jalali"] | None = None

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        match = _TYPE.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"{value!r} is not a type; it is one of {_TYPES}")
        if match["width"] is not None:
            width, scale = int(match["width"]), int(match["scale"])
            if not (1 <= width <= 38 and scale <= width):
                raise ValueError(f"{value!r}: decimal(p,s) needs 1 <= p <= 38 and s <= p")
            return f"decimal({width},{scale})"
        return value.strip()

    @model_validator(mode="after")
    def _format_of_times(self) -> ColumnSpec:
        if self.type not in ("date", "timestamp") and (self.format or self.calendar):
            raise ValueError("`format` and `calendar` belong to columns of type date or timestamp")
        return self

    @property
    def decimal(self) -> tuple[int, int] | None:
        """Width and scale of a decimal column; None for any other."""
        if not self.type.startswith("decimal"):
            return None
        match = _TYPE.fullmatch(self.type)
        assert match is not None
        return (int(match["width"]), int(match["scale"])) if match["width"] else _DECIMAL


def _column(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _expression(value: Any) -> Any:
    """YAML's own false, 0 and null as the SQL they mean."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str) and not value.strip():
        raise ValueError("the expression is empty; write null for no value")
    return value


Expression = Annotated[str, BeforeValidator(_expression)]


class Exclusion(_Model):
    """Records that are left out on purpose, under a name by which they are counted."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    where: Expression


class EntityMapping(_Model):
    """One entity of the contract, made of the file's records (or of groups of them)."""

    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    exclude: tuple[Exclusion, ...] = ()
    columns: dict[str, Expression] = Field(min_length=1)


class FilesConfig(_Model):
    """`sources.<name>` of kind `files`."""

    kind: Literal["files"]
    path: str = Field(min_length=1)
    storage_options: dict[str, Any] = Field(default_factory=dict, repr=False)
    format: FileFormat = Delimited()
    timezone: str | None = None
    calendar: Literal["gregorian", "jalali"] = "gregorian"
    null_values: tuple[str, ...] | None = None
    decimal_separator: Character = "."
    thousands_separator: Character | None = None
    columns: dict[str, Annotated[ColumnSpec, BeforeValidator(_column)]] = Field(min_length=1)
    derive: dict[str, Expression] = Field(default_factory=dict)
    exclude: tuple[Exclusion, ...] = ()
    entities: Annotated[dict[str, EntityMapping], AfterValidator(in_the_contract)] = Field(
        min_length=1
    )
    memory_limit: str = Field(default="1GB", pattern=r"^\d+(\.\d+)?\s?(KB|MB|GB|KiB|MiB|GiB)$")
    threads: int = Field(default=2, ge=1)

    @property
    def is_remote(self) -> bool:
        """Whether `path` is a URL."""
        return _URL.match(self.path) is not None

    @property
    def nulls(self) -> tuple[str, ...]:
        """Texts that stand for nothing: '' unless the format has nulls of its own."""
        if self.null_values is not None:
            return self.null_values
        return () if isinstance(self.format, Parquet) else ("",)

    @field_validator("path")
    @classmethod
    def _no_secret_in_the_address(cls, value: str) -> str:
        if "::" in value and _URL.search(value):
            raise ValueError("chained addresses are not understood; give one such as s3://shop/in")
        if _URL.match(value) and ":" in (urlsplit(value).netloc.rpartition("@")[0]):
            # The path is shown in messages and kept in the ledger.
            raise ValueError("the address holds a password; put it into `storage_options`")
        return value

    @model_validator(mode="after")
    def _options_belong_to_addresses(self) -> FilesConfig:
        if self.storage_options and not self.is_remote:
            raise ValueError("`storage_options` belong to a `path` such as s3://bucket/folder")
        return self

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError(f"{value!r} is not a time zone; use a name such as Europe/London")
        return value

    @model_validator(mode="after")
    def _names_do_not_collide(self) -> FilesConfig:
        seen: dict[str, str] = dict.fromkeys(RESERVED_NAMES, "a name of Moshtari's own")
        for where, names in (("columns", self.columns), ("derive", self.derive)):
            for name in names:
                folded = name.casefold()
                if folded in seen or name.startswith("__"):
                    other = seen.get(folded, "a name of Moshtari's own")
                    raise ValueError(
                        f"{where}.{name}: taken already ({other}; SQL does not tell upper from "
                        "lower case). Choose another name, and give the file's by `header:`"
                    )
                seen[folded] = f"{where}.{name}"
        if isinstance(self.format, FixedWidth):
            places = set(self.format.columns)
            missing = [n for n, spec in self.columns.items() if (spec.header or n) not in places]
            if missing:
                raise ValueError(
                    f"columns.{missing[0]}: format.columns does not say where it stands; "
                    "add it as [start, width]"
                )
        return self
