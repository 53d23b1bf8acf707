"""The only module in which deployments differ: machine settings and the deployment's YAML.

Machine settings come from the environment (``MOSHTARI_*``); what a deployment is (its name,
business time zone, currency and sources) comes from one YAML file. Secrets are never written in
that file: it names environment variables as ``${NAME}`` or ``${NAME:-default}``.
"""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

import yaml
from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from moshtari.secret_store import SecretStore

PACKAGE_ROOT = Path(__file__).resolve().parent
PROJECT_ROOT = PACKAGE_ROOT.parents[1]

_PLACEHOLDER = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_WEEKDAYS = Literal["saturday", "sunday", "monday", "tuesday", "wednesday", "thursday", "friday"]


class ConfigError(ValueError):
    """A deployment's YAML cannot be used. The message names the file, the key and the remedy."""

    def __init__(self, file: Path | str, key: str, problem: str, remedy: str) -> None:
        self.file, self.key, self.problem, self.remedy = str(file), key, problem, remedy
        super().__init__(f"{file}: {key or '(top level)'}: {problem}. {remedy}")


class Settings(BaseSettings):
    """What this machine has: where state lives and how the warehouse is reached."""

    model_config = SettingsConfigDict(env_prefix="MOSHTARI_", extra="ignore", frozen=True)

    home: Path = PROJECT_ROOT / ".moshtari"
    config: Path = Path("moshtari.yml")
    project_root: Path = PROJECT_ROOT

    # An external server. When it is not given, the embedded PostgreSQL is used.
    database_url: str | None = None
    admin_url: str | None = None

    pg_port: int = 54329
    pg_database: str = "moshtari"
    airflow_port: int = 8790
    # An Airflow that others keep running. When it is not given, Moshtari starts its own.
    airflow_url: str | None = None
    airflow_user: str = "admin"
    airflow_database_url: str | None = None
    help_desk_port: int = 8791
    social_port: int = 8792

    @property
    def embedded(self) -> bool:
        """Whether the warehouse is the PostgreSQL that Moshtari starts itself."""
        return self.database_url is None

    @property
    def secrets(self) -> SecretStore:
        return SecretStore(self.home / "secrets.json")

    def dsn(self, *, database: str | None = None, admin: bool = False) -> dict[str, str]:
        """Connection parameters as libpq keywords (host, port, user, password, dbname)."""
        if self.database_url is not None:
            url = (self.admin_url or self.database_url) if admin else self.database_url
            params = {k: str(v) for k, v in conninfo_to_dict(url).items() if v is not None}
            if database is not None:
                params["dbname"] = database
            return params
        user = "postgres" if admin else "moshtari"
        return {
            "host": "127.0.0.1",
            "port": str(self.pg_port),
            "user": user,
            "password": self.secrets.get(f"pg_{user}"),
            "dbname": database or self.pg_database,
        }

    def database_environment(self) -> dict[str, str]:
        """The environment of dbt: how its profile reaches the warehouse, and the holdout's key."""
        params = self.dsn()
        return {
            "MOSHTARI_PG_HOST": params.get("host", "127.0.0.1"),
            "MOSHTARI_PG_PORT": params.get("port", "5432"),
            "MOSHTARI_PG_USER": params.get("user", "moshtari"),
            "MOSHTARI_PG_PASSWORD": params.get("password", ""),
            "MOSHTARI_PG_DATABASE": params.get("dbname", self.pg_database),
            "MOSHTARI_HOLDOUT_KEY": self.secrets.get("holdout_key"),
        }


class Outreach(BaseModel):
    """How marketing's lists are made for this deployment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    language: Literal["fa", "en"] = "fa"
    channels: tuple[str, ...] = ("sms", "email")


class Identity(BaseModel):
    """Who is who: what people have decided about it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # A CSV file (docs/identity.md); a relative path starts at the deployment's YAML.
    corrections: Path | None = None


class Holds(BaseModel):
    """Which loads are suspiciously small, and are held until somebody confirms them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Share of the usual rows of a day below which a load is held; 0 holds none.
    below_share: float = Field(default=0.2, ge=0, le=1)
    # Where fewer rows than these are usual, chance decides too much.
    fewest_rows: int = Field(default=30, ge=1)
    # Another share for one source, or one entity of it: {shop: 0.5, "shop.refunds": 0}.
    shares: dict[str, float] = Field(default_factory=dict)

    def share(self, source: str, entity: str) -> float:
        """The share that holds for one entity of a source."""
        return self.shares.get(f"{source}.{entity}", self.shares.get(source, self.below_share))


class Quarantine(BaseModel):
    """Which loads are held until somebody confirms them, since too many of their rows are bad."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    # Share of a load's rows in quarantine above which it is held; 1 holds none.
    above_share: float = Field(default=0.1, ge=0, le=1)
    # Where a load has fewer rows than these, bad ones say little.
    fewest_rows: int = Field(default=30, ge=1)
    # Another share for one source, or one entity of it: {shop: 0.02, "shop.refunds": 1}.
    shares: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)

    def share(self, source: str, entity: str) -> float:
        """The share that holds for one entity of a source."""
        return self.shares.get(f"{source}.{entity}", self.shares.get(source, self.above_share))


class Deployment(BaseModel):
    """One shop's (or group's) warehouse, as its YAML file describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    timezone: str = "Asia/Tehran"
    base_currency: str = Field(default="IRR", pattern=r"^[A-Z]{3}$")
    weekend: tuple[_WEEKDAYS, ...] = ("friday",)
    vars: dict[str, str | int | float | bool | list[str]] = Field(default_factory=dict)
    outreach: Outreach = Outreach()
    identity: Identity = Identity()
    holds: Holds = Holds()
    quarantine: Quarantine = Quarantine()
    # Nights on which the keys of a source are compared with those in raw, for what was deleted
    # there: {shop: nightly} or {shop: friday}.
    reconcile: dict[str, _WEEKDAYS | Literal["nightly"]] = Field(default_factory=dict)
    sources: dict[str, dict[str, Any]] = Field(min_length=1)
    file: Path = Path("moshtari.yml")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not a time zone; use a name such as Asia/Tehran")
        return value

    @field_validator("sources")
    @classmethod
    def _named_sources(cls, value: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, config in value.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"source name {name!r}: use lowercase letters, digits and _")
            if "kind" not in config:
                raise ValueError(f"source {name!r} has no `kind`; add one, such as kind: postgres")
        return value

    @property
    def corrections_file(self) -> Path | None:
        """The file of identity's corrections, if the deployment has one."""
        given = self.identity.corrections
        return None if given is None else self.file.parent / given

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


def load_settings(**overrides: Any) -> Settings:
    """Settings of this process, from the environment and ``overrides``."""
    return Settings(**overrides)


def load_deployment(file: Path | str) -> Deployment:
    """Read and validate a deployment's YAML.

    Raises ConfigError naming the file, the key and the remedy.
    """
    path = Path(file).resolve()
    stat = path.stat() if path.exists() else None
    if stat is None:
        raise ConfigError(file, "", "there is no such file", "Give its path by MOSHTARI_CONFIG")
    used = tuple((name, os.environ.get(name)) for name in _names_in(path))
    return _load_deployment(path, stat.st_mtime_ns, used)


@lru_cache(maxsize=8)
def _load_deployment(
    path: Path, _modified: int, _environment: tuple[tuple[str, str | None], ...]
) -> Deployment:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else ""
        raise ConfigError(path, where, "this is not valid YAML", "Mend the syntax there") from error
    if not isinstance(document, dict):
        raise ConfigError(path, "", "the file holds no mapping", "Start it with `name:`")
    if "file" in document:
        raise ConfigError(path, "file", "unknown key", "Remove it")
    document = _interpolate(document, path, "")
    try:
        return Deployment(**document, file=path)
    except ValidationError as error:
        raise config_error(path, "", error) from error


def config_error(file: Path | str, prefix: str, error: ValidationError) -> ConfigError:
    """The first of pydantic's errors as a ConfigError that names file, key and remedy."""
    first = error.errors()[0]
    key = ".".join([prefix, *(str(part) for part in first["loc"])]).strip(".")
    if first["type"] == "extra_forbidden":
        return ConfigError(file, key, "unknown key", "Remove it or mend its spelling")
    if first["type"] == "missing":
        return ConfigError(file, key, "this key is missing", "Add it")
    message = first["msg"].removeprefix("Value error, ")
    return ConfigError(file, key, message, "Change the value")


def _names_in(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    return sorted({match["name"] for match in _PLACEHOLDER.finditer(text)})


def _interpolate(value: Any, file: Path, key: str) -> Any:
    """Replace ``${NAME}`` in every string by the environment's value."""
    if isinstance(value, dict):
        return {k: _interpolate(v, file, f"{key}.{k}".strip(".")) for k, v in value.items()}
    if isinstance(value, list):
        return [_interpolate(v, file, f"{key}[{i}]") for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        found = os.environ.get(match["name"], match["default"])
        if found is None:
            raise ConfigError(
                file,
                key,
                f"the environment has no {match['name']}",
                f"Set {match['name']} or write ${{{match['name']}:-default}}",
            )
        return found

    return _PLACEHOLDER.sub(replace, value)
