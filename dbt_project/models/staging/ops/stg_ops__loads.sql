with loads as (
    select * from {{ source("ops", "loads") }}
),

final as (
    select
        source,
        entity,
        max(business_date) as last_business_date,
        sum(landed_rows) as landed_rows
    from loads
    where status = 'landed' and business_date <= {{ as_of_date() }}
    group by source, entity
)

select * from final
