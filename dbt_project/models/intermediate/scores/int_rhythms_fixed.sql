with fixed as (
    select
        term as party,
        value as group_gap_days
    from {{ source("scores", "coefficients") }}
    where model = 'rhythm' and fit_day = {{ fit_day() }}
),

days as (
    select * from {{ ref("int_customer_days_summarized") }}
    where day <= {{ fit_day() }} and valid_orders > 0 and customer_key is not null
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

-- Read only while the day's figures are not fixed yet: a condition without columns is tried first.
gaps as (
    select
        profiles.party,
        {{ days_between("min(days.day)", "max(days.day)") }} / (count(*) - 1.0) as own_gap_days
    from days
    inner join profiles on days.customer_key = profiles.customer_key
    where not exists (select 1 from fixed)
    group by profiles.party, days.customer_key
    having count(*) > 1
),

final as (
    select
        party,
        cast(group_gap_days as double precision) as group_gap_days
    from fixed

    union all

    select
        party,
        cast(avg(own_gap_days) as double precision) as group_gap_days
    from gaps
    group by party
)

select
    party,
    cast(round(cast(group_gap_days as numeric), 4) as numeric) as group_gap_days,
    {{ fit_day() }} as fit_day
from final
