{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

{%- set parameters = [
    "ease_of_buying", "support", "delivery_on_time", "product_quality", "feedback",
    "ease_of_return",
] %}

with judged as (
    select * from {{ ref("int_satisfaction_judged") }}
    where customer_key is not null
        and day > {{ days_after(as_of_date(), "-" ~ var("satisfaction_days")) }}
),

measurable as (
    select * from {{ ref("int_satisfaction_measurable") }}
),

counted as (
    select
        judged.customer_key,
        judged.parameter,
        sum(judged.measured) as measured,
        sum(judged.good) as good
    from judged
    inner join measurable on judged.parameter = measurable.parameter
    where measurable.is_measurable
    group by judged.customer_key, judged.parameter
),

-- Every parameter that says something about the customer weighs the same, however often it spoke;
-- not to answer a survey says nothing about satisfaction.
final as (
    select
        customer_key,
        cast(sum(measured) as integer) as measured
        {%- for parameter in parameters %},
        max(case when parameter = '{{ parameter }}' then round(1.0 * good / measured, 4) end)
            as {{ parameter }}
        {%- endfor %},
        round(avg(case when parameter <> 'feedback' then 1.0 * good / measured end), 4)
            as satisfaction_score
    from counted
    group by customer_key
)

select * from final
