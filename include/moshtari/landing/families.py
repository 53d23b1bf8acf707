"""Which of a deployment's sources supply which family of entities."""

from __future__ import annotations

from pydantic import ValidationError

from moshtari.landing.contract import entities_of
from moshtari.settings import ConfigError, Deployment, config_error
from moshtari.sources.abilities import RangedSource
from moshtari.sources.base import Source
from moshtari.sources.registry import make_source, parse_config


def sources_of(deployment: Deployment, family: str) -> list[str]:
    """Names of the sources that supply any entity of the family, in the YAML's order.

    Raises ConfigError naming file, key and remedy when a source's part of the YAML is wrong.
    """
    wanted = {entity.name for entity in entities_of(family)}
    return [
        name
        for name in deployment.sources
        if wanted & set(configured_source(deployment, name).entities())
    ]


def is_parallel(deployment: Deployment, name: str) -> bool:
    """Whether a source's large entities are read in parts. Raises ConfigError."""
    source = configured_source(deployment, name)
    return isinstance(source, RangedSource) and source.is_parallel()


def check_sources(deployment: Deployment) -> None:
    """Read every source's part of the YAML. Raises ConfigError for the first that is wrong."""
    for name in deployment.sources:
        configured_source(deployment, name)


def configured_source(deployment: Deployment, name: str) -> Source:
    """The reader of one configured source; opens no connection. Raises ConfigError."""
    raw = deployment.sources[name]
    key = f"sources.{name}"
    try:
        return make_source(name, parse_config(raw), deployment)
    except ValidationError as error:
        raise config_error(deployment.file, key, error) from error
    except ValueError as error:
        raise ConfigError(deployment.file, f"{key}.kind", str(error), "Change it") from error
