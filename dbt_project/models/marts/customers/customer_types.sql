with detected as (
    select * from {{ ref("int_customer_types_detected") }}
),

customers as (
    select * from {{ ref("int_customers_profiled") }}
),

published as (
    select published.*
    from {{ ref("stg_published__customer_types") }} as published
    inner join customers on published.customer_key = customers.customer_key
),

still_open as (
    select * from published
    where valid_to is null
),

closed as (
    select * from published
    where valid_to is not null
),

last_closed as (
    select
        customer_key,
        type,
        max(valid_to) as closed_on
    from closed
    group by customer_key, type
),

periods as (
    select
        customer_key,
        type,
        score,
        evidence,
        rule_id,
        rule_version,
        valid_from,
        valid_to
    from closed

    union all

    -- What the last run still saw and this one does not has ended.
    select
        still_open.customer_key,
        still_open.type,
        still_open.score,
        still_open.evidence,
        still_open.rule_id,
        still_open.rule_version,
        still_open.valid_from,
        {{ as_of_date() }} as valid_to
    from still_open
    left join detected
        on still_open.customer_key = detected.customer_key and still_open.type = detected.type
    where detected.customer_key is null

    union all

    -- What is there today began when the last run says, or, seen for the first time, when the rule
    -- came true; never inside a period that has ended.
    select
        detected.customer_key,
        detected.type,
        detected.score,
        detected.evidence,
        detected.rule_id,
        detected.rule_version,
        coalesce(
            still_open.valid_from,
            greatest(detected.since, last_closed.closed_on)
        ) as valid_from,
        null as valid_to
    from detected
    left join still_open
        on detected.customer_key = still_open.customer_key and detected.type = still_open.type
    left join last_closed
        on detected.customer_key = last_closed.customer_key and detected.type = last_closed.type
),

final as (
    select
        {{ run_columns() }},
        customer_key,
        type,
        cast(score as numeric) as score,
        evidence,
        rule_id,
        rule_version,
        valid_from,
        valid_to
    from periods
)

select * from final
