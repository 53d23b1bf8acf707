"""Which kinds of source there are, and how one is made from its part of the YAML.

Readers are imported only when a source of their kind is asked for, so that one kind's missing
dependency never stops another, and start-up stays cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from moshtari.sources.base import Source, SourceContext

if TYPE_CHECKING:
    from moshtari.settings import Deployment

KINDS: dict[str, str] = {
    "postgres": "moshtari.sources.postgres:PostgresSource",
    "mysql": "moshtari.sources.mysql:MysqlSource",
    "woocommerce": "moshtari.sources.woocommerce:WooCommerceSource",
    "zendesk": "moshtari.sources.zendesk:ZendeskSource",
    "freshdesk": "moshtari.sources.freshdesk:FreshdeskSource",
    "vtiger": "moshtari.sources.vtiger:VtigerSource",
    "mastodon": "moshtari.sources.mastodon:MastodonSource",
    "x": "moshtari.sources.x:XSource",
    "telegram": "moshtari.sources.telegram:TelegramSource",
    "files": "moshtari.sources.files:FilesSource",
}


def source_class(kind: str) -> type[Source]:
    """The reader of a kind; ValueError naming the known kinds for an unknown one."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; it is one of {', '.join(sorted(KINDS))}")
    module, _, attribute = KINDS[kind].partition(":")
    found: type[Source] = getattr(import_module(module), attribute)
    return found


def parse_config(raw: Mapping[str, Any]) -> BaseModel:
    """A source's part of the YAML as its reader's model, `kind` included.

    Raises ValueError for an unknown kind, and pydantic's ValidationError, whose locations are keys
    of the YAML, for everything else.
    """
    return source_class(str(raw.get("kind"))).Config.model_validate(dict(raw))


def make_source(name: str, config: BaseModel | Mapping[str, Any], deployment: Deployment) -> Source:
    """A reader for one source of the deployment; opens no connection yet."""
    parsed = config if isinstance(config, BaseModel) else parse_config(config)
    kind: str = parsed.kind  # type: ignore[attr-defined]  # every reader's model has it
    return source_class(kind)(name, parsed, _context(deployment))


def _context(deployment: Deployment) -> SourceContext:
    return SourceContext(
        timezone=deployment.zone,
        base_currency=deployment.base_currency,
        directory=deployment.file.parent,
    )
