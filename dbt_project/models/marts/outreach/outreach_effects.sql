with outcomes as (
    select * from {{ ref("int_outreach_outcomes") }}
),

sides as (
    select
        list_name,
        count(case when not is_held_out then 1 end) as listed,
        count(case when is_held_out then 1 end) as held_out,
        count(case when is_complete and not is_held_out then 1 end) as listed_measured,
        count(case when is_complete and is_held_out then 1 end) as held_out_measured,
        count(case when is_complete and not is_held_out and was_contacted then 1 end)
            as contacted,
        count(case when is_complete and not is_held_out and has_bought then 1 end)
            as listed_bought,
        count(case when is_complete and is_held_out and has_bought then 1 end)
            as held_out_bought,
        avg(case when is_complete and not is_held_out then net_revenue end) as listed_revenue,
        avg(case when is_complete and is_held_out then net_revenue end) as held_out_revenue
    from outcomes
    group by list_name
),

shares as (
    select
        *,
        1.0 * listed_bought / nullif(listed_measured, 0) as listed_share,
        1.0 * held_out_bought / nullif(held_out_measured, 0) as held_out_share
    from sides
),

-- Each share with Wilson's interval, of which Newcombe's for the difference is made: it holds for
-- few people and for shares near nothing, where the textbook's does not.
intervals as (
    select
        *,
        {{ wilson_bound("listed_bought", "listed_measured", "-") }} as listed_low,
        {{ wilson_bound("listed_bought", "listed_measured", "+") }} as listed_high,
        {{ wilson_bound("held_out_bought", "held_out_measured", "-") }} as held_out_low,
        {{ wilson_bound("held_out_bought", "held_out_measured", "+") }} as held_out_high
    from shares
),

final as (
    select
        {{ run_columns() }},
        list_name,
        cast(listed as integer) as listed,
        cast(held_out as integer) as held_out,
        cast(listed_measured as integer) as listed_measured,
        cast(held_out_measured as integer) as held_out_measured,
        cast(contacted as integer) as contacted,
        round(cast(listed_share as numeric), 4) as listed_share,
        round(cast(held_out_share as numeric), 4) as held_out_share,
        round(cast(listed_share - held_out_share as numeric), 4) as uplift,
        round(cast(listed_share - held_out_share - sqrt(
            power(listed_share - listed_low, 2) + power(held_out_high - held_out_share, 2)
        ) as numeric), 4) as uplift_low,
        round(cast(listed_share - held_out_share + sqrt(
            power(listed_high - listed_share, 2) + power(held_out_share - held_out_low, 2)
        ) as numeric), 4) as uplift_high,
        round(cast(listed_revenue - held_out_revenue as numeric), 2) as net_revenue_uplift
    from intervals
)

select * from final
