"""Landing a held load that somebody has confirmed."""

from __future__ import annotations

from datetime import date

from moshtari.landing import holding
from moshtari.landing.extract import LoadSummary, extract_one
from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect


def land_held(
    settings: Settings,
    deployment: Deployment,
    source: str,
    entity: str,
    day: date,
    because: str,
) -> LoadSummary:
    """Confirm the held load of a day and land it; the confirmation outlasts a failure to land.

    Raises LandingError when no load of that day is held, or when fewer rows still come now;
    SourceError and ConfigError as any load does.
    """
    with connect(settings, role="moshtari_loader", application="moshtari accept") as connection:
        holding.accept(connection, source, entity, day, because)
    return extract_one(settings, deployment, source, entity, day)
