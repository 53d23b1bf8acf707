with scope as (
    select customer_key from {{ ref("customer_types_history_scope") }}
),

detected as (
    select * from {{ ref("int_customer_types_detected") }}
),

customers as (
    select customer_key from {{ ref("int_customers_profiled") }}
),

followed as (
    select * from {{ ref("int_customers_followed") }}
),

published_open as (
    select * from {{ ref("stg_published__customer_types") }}
),

ended as (
    select * from {{ ref("stg_published__customer_types_ended") }}
    where {{ starts_anew("customer_types") | lower }}
        or customer_key in (select scope.customer_key from scope)
),

-- What the last run still saw and this one does not has ended.
ending as (
    select published_open.*
    from published_open
    left join detected
        on
            published_open.customer_key = detected.customer_key
            and published_open.type = detected.type
    where detected.customer_key is null
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
        valid_to,
        observed_as
    from ended

    union all

    select
        customer_key,
        type,
        score,
        evidence,
        rule_id,
        rule_version,
        valid_from,
        {{ as_of_date() }} as valid_to,
        observed_as
    from ending
),

final as (
    select
        {{ run_columns() }},
        {{ person_now() }} as customer_key,
        periods.type,
        periods.score,
        periods.evidence,
        periods.rule_id,
        periods.rule_version,
        periods.valid_from,
        periods.valid_to,
        periods.observed_as
    from periods
    {{ join_person_now("periods") }}
    where periods.valid_from < periods.valid_to
        and {{ person_now() }} is not null
)

select * from final
