"""Probable links between people whom exact keys left apart, by splink (Fellegi and Sunter's model).

Suggestions are written for somebody to look at and are never merged: whoever agrees writes a row in
the corrections file. Only pairs that agree on something (a phone, a name within a city, a name with
a birth date, the part of an e-mail before the @) are compared, and what too many have in common
suggests nobody, so that the work grows with the customers and not with their square.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row

from moshtari.settings import Deployment, Settings
from moshtari.warehouse.connection import connect

if TYPE_CHECKING:
    import psycopg
    from splink import Linker

FIELDS = ("name", "city", "birth_date", "phone", "mailbox")
BLOCKS = ("block_phone", "block_mailbox", "block_name_city", "block_name_birth_date")
# So many people have something in common at most.
_MAX_BLOCK = 20
_SAMPLED_PEOPLE, _SAMPLED_PAIRS = 3_000, 1_000_000
_log = logging.getLogger(__name__)

# One row for each customer that has something in common with a few others: what its records say,
# whether or not a key ties anybody. A block is what pairs to be compared have in common; big
# ones say nothing (a common name in a big city).
_PEOPLE = """
with carried as (
    select
        key_sets.*,
        coalesce(by_account.customer_key, by_email.customer_key, by_phone.customer_key)
            as customer_key,
        coalesce(by_account.identity_key, by_email.identity_key, by_phone.identity_key)
            as linked_key,
        case when crowded_emails.identity_key is null then key_sets.email_key end as own_email,
        case when crowded_phones.identity_key is null then key_sets.phone_key end as own_phone
    from intermediate.int_identity_key_sets as key_sets
    left join intermediate.int_identity_links as by_account
        on key_sets.account_key = by_account.identity_key
    left join intermediate.int_identity_links as by_email
        on key_sets.email_key = by_email.identity_key and key_sets.account_key is null
    left join intermediate.int_identity_links as by_phone
        on key_sets.phone_key = by_phone.identity_key and key_sets.account_key is null
    left join intermediate.int_identity_crowded_keys as crowded_emails
        on key_sets.email_key = crowded_emails.identity_key
    left join intermediate.int_identity_crowded_keys as crowded_phones
        on
            key_sets.phone_key = crowded_phones.identity_key
            and crowded_phones.cause = 'too_many_records'
    where key_sets.entity in ('customers', 'orders')
),

people as (
    select
        carried.customer_key,
        min(carried.linked_key) as known_by,
        min(carried.name_key) as name,
        min(accounts.city) as city,
        min(carried.birth_date)::text as birth_date,
        substr(min(carried.own_phone), 7) as phone,
        split_part(substr(min(carried.own_email), 7), '@', 1) as mailbox
    from carried
    left join staging.stg_shop__customers as accounts
        on carried.account_key = accounts.account_key and carried.entity = 'customers'
    where carried.customer_key is not null
    group by carried.customer_key
),

blocked as (
    select
        *,
        case
            when count(*) over (partition by phone) between 2 and %(most)s then phone
        end as block_phone,
        case
            when count(*) over (partition by mailbox) between 2 and %(most)s then mailbox
        end as block_mailbox,
        case
            when count(*) over (partition by name, city) between 2 and %(most)s
                then name || '|' || city
        end as block_name_city,
        case
            when count(*) over (partition by name, birth_date) between 2 and %(most)s
                then name || '|' || birth_date
        end as block_name_birth_date,
        row_number() over (order by customer_key) as sample_rank
    from people
)

select * from blocked
where num_nonnulls(block_phone, block_mailbox, block_name_city, block_name_birth_date) > 0
    -- Strangers by whom to tell how often two people agree by chance: keys are hashes.
    or sample_rank <= %(sampled)s
order by customer_key
"""

# Two people whom somebody has looked at already are not suggested again.
_DECIDED = """
select least(one.customer_key, other.customer_key), greatest(one.customer_key, other.customer_key)
from intermediate.int_identity_corrections as corrections
inner join intermediate.int_identity_links as one on corrections.left_key = one.identity_key
inner join intermediate.int_identity_links as other on corrections.right_key = other.identity_key
where corrections.is_in_force
"""


def suggest_links(
    settings: Settings,
    deployment: Deployment,
    as_of_date: date,
    *,
    threshold: float = 0.9,
    limit: int = 1000,
) -> dict[str, int]:
    """Write the likeliest links between customers of the last build to ops.identity_suggestions.

    Replaces what an earlier call wrote. Returns how many people were compared and how many pairs
    were suggested. `deployment` is there for tasks that call every step alike.
    """
    with connect(settings, role="moshtari_builder") as connection:
        people = _people(connection)
        decided = set(connection.execute(_DECIDED).fetchall())
        pairs = _likely(people, threshold) if len(people) > 1 else []
        known_by = {row["customer_key"]: row["known_by"] for row in people}
        found = [pair for pair in pairs if (pair[0], pair[1]) not in decided][:limit]
        connection.execute("delete from ops.identity_suggestions")
        with connection.cursor() as cursor:
            cursor.executemany(
                "insert into ops.identity_suggestions (left_customer_key, right_customer_key,"
                " as_of_date, match_probability, agreeing_fields, differing_fields, left_key,"
                " right_key) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (left, right, as_of_date, probability, agreeing, differing,
                     known_by[left], known_by[right])
                    for left, right, probability, agreeing, differing in found
                ],
            )  # fmt: skip
    _log.info("%s: %d people, %d suggestions", deployment.name, len(people), len(found))
    return {"people": len(people), "suggestions": len(found)}


def _people(connection: psycopg.Connection) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_PEOPLE, {"most": _MAX_BLOCK, "sampled": _SAMPLED_PEOPLE}).fetchall()


def _likely(
    people: list[dict[str, Any]], threshold: float
) -> list[tuple[str, str, float, list[str], list[str]]]:
    """Pairs over the threshold, the likeliest first, with what agrees and what differs."""
    linker = _linker(people)
    predicted = linker.inference.predict(threshold_match_probability=threshold)
    pairs = []
    for row in predicted.as_record_list():
        left, right = sorted((row["customer_key_l"], row["customer_key_r"]))
        levels = {field: row[f"gamma_{field}"] for field in FIELDS}
        agreeing = [field for field, level in levels.items() if level > 0]
        differing = [field for field, level in levels.items() if level == 0]
        # A name and a phone go through a family; a birth date does not change.
        if "birth_date" in differing:
            continue
        pairs.append((left, right, float(row["match_probability"]), agreeing, differing))
    return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))


def _linker(people: list[dict[str, Any]]) -> Linker:
    import duckdb
    import pyarrow as pa
    import splink.comparison_library as compare
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on
    from splink.internals.blocking_rule_creator import BlockingRuleCreator

    database = DuckDBAPI(duckdb.connect(":memory:", config={"threads": 2, "memory_limit": "1GB"}))
    rules: list[BlockingRuleCreator | dict[str, Any]] = [block_on(block) for block in BLOCKS]
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="customer_key",
        comparisons=[
            compare.JaroWinklerAtThresholds("name", [0.92]),
            compare.ExactMatch("city"),
            compare.LevenshteinAtThresholds("birth_date", [1]),
            compare.LevenshteinAtThresholds("phone", [1]),
            compare.JaroWinklerAtThresholds("mailbox", [0.92]),
        ],
        blocking_rules_to_generate_predictions=rules,
        # One in a few people is there twice, and only with one other.
        probability_two_random_records_match=min(0.5, 0.2 / len(people)),
    )
    table = pa.table(
        {
            name: pa.array([row[name] for row in people], pa.string())
            for name in ("customer_key", *FIELDS, *BLOCKS)
        }
    )
    logging.getLogger("splink").setLevel(logging.ERROR)
    linker = Linker(database.register(table), settings, log_level=logging.ERROR)
    linker.training.estimate_u_using_random_sampling(max_pairs=_SAMPLED_PAIRS, seed=1405)
    return linker
