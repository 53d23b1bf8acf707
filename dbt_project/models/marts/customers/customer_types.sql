with detected as (
    select * from {{ ref("int_customer_types_detected") }}
),

published as (
    select * from {{ ref("stg_published__customer_types") }}
),

ended as (
    select * from {{ ref("customer_types_history") }}
),

last_ended as (
    select
        customer_key,
        type,
        max(valid_to) as ended_on
    from ended
    where observed_as = customer_key
    group by customer_key, type
),

-- What is there today began when the last run says, or, seen for the first time, when the rule came
-- true; never inside a period that has ended.
periods as (
    select
        detected.customer_key,
        detected.type,
        detected.score,
        detected.evidence,
        detected.rule_id,
        detected.rule_version,
        coalesce(published.valid_from, greatest(detected.since, last_ended.ended_on)) as valid_from,
        cast(null as date) as valid_to,
        coalesce(published.observed_as, detected.customer_key) as observed_as
    from detected
    left join published
        on detected.customer_key = published.customer_key and detected.type = published.type
    left join last_ended
        on detected.customer_key = last_ended.customer_key and detected.type = last_ended.type

    union all

    -- On the line what has ended is in the history.
    select
        customer_key,
        type,
        score,
        evidence,
        rule_id,
        rule_version,
        valid_from,
        valid_to,
        observed_as
    from ended
    where {{ (not var("on_line")) | lower }}
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
        valid_to,
        observed_as
    from periods
)

select * from final
