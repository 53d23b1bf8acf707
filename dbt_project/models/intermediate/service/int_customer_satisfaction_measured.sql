{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

{%- set parameters = [
    "ease_of_buying", "support", "delivery_on_time", "product_quality", "feedback",
    "ease_of_return",
] %}
{%- set heard = parameters | reject("equalto", "feedback") | list %}

with judged as (
    select * from {{ ref("int_satisfaction_judged") }}
    where customer_key is not null
        and day > {{ days_after(as_of_date(), "-" ~ var("satisfaction_days")) }}
),

measurable as (
    select * from {{ ref("int_satisfaction_measurable") }}
),

told as (
    select judged.*
    from judged
    inner join measurable on judged.parameter = measurable.parameter
    where measurable.is_measurable
),

-- One pass: what each parameter says of a customer, side by side.
counted as (
    select
        customer_key,
        {%- for parameter in parameters %}
        sum(case when parameter = '{{ parameter }}' then good end) as {{ parameter }}_good,
        sum(case when parameter = '{{ parameter }}' then measured end) as {{ parameter }}_measured,
        {%- endfor %}
        sum(measured) as measured
    from told
    group by customer_key
),

shared as (
    select
        customer_key,
        {%- for parameter in parameters %}
        1.0 * {{ parameter }}_good / {{ parameter }}_measured as {{ parameter }},
        {%- endfor %}
        measured
    from counted
),

-- Every parameter that says something about the customer weighs the same, however often it spoke;
-- not to answer a survey says nothing about satisfaction.
final as (
    select
        customer_key,
        cast(measured as integer) as measured
        {%- for parameter in parameters %},
        round({{ parameter }}, 4) as {{ parameter }}
        {%- endfor %},
        round(
            (
                {%- for parameter in heard %}
                coalesce({{ parameter }}, 0){{ " +" if not loop.last }}
                {%- endfor %}
            ) / nullif(
                {%- for parameter in heard %}
                case when {{ parameter }} is null then 0 else 1 end{{ " +" if not loop.last }}
                {%- endfor %},
                0
            ),
            4
        ) as satisfaction_score
    from shared
)

select * from final
