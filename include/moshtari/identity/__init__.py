"""Who is who: what people decide about it, and what is probable. The rules themselves are SQL
(dbt_project/models/intermediate/identity)."""

from moshtari.identity.corrections import CorrectionsError, load_corrections
from moshtari.identity.review import ReviewItem, review_list
from moshtari.identity.suggestions import suggest_links

__all__ = [
    "CorrectionsError",
    "ReviewItem",
    "load_corrections",
    "review_list",
    "suggest_links",
]
