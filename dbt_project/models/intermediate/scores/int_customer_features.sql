{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

with cuts as (
    select
        {{ as_of_date() }} as cut_on,
        {{ fit_day() }} as fit_day,
        {{ var("horizon_days") }} as horizon_days,
        1000 as buckets
),

{{ customer_features() }},

final as (
    select * from features
)

select * from final
