with orders as (
    select * from {{ ref("int_orders_delivered") }}
),

-- Orders that shared all their days, counted once: what follows reads this and not the orders.
alike as (
    select
        method,
        shipped_on,
        promised_on,
        delivered_on,
        days_late,
        is_on_time,
        count(*) as orders
    from orders
    group by method, shipped_on, promised_on, delivered_on, days_late, is_on_time
),

-- Each figure on its own day: what left, what was due, what arrived.
movements as (
    select
        shipped_on as day,
        method,
        orders as shipped,
        0 as due,
        0 as on_time,
        0 as broken,
        0 as delivered,
        cast(null as integer) as days_late
    from alike
    where shipped_on is not null

    union all

    select
        promised_on as day,
        method,
        0 as shipped,
        orders as due,
        case when is_on_time then orders else 0 end as on_time,
        case when not is_on_time then orders else 0 end as broken,
        0 as delivered,
        cast(null as integer) as days_late
    from alike
    where promised_on <= {{ as_of_date() }}

    union all

    select
        delivered_on as day,
        method,
        0 as shipped,
        0 as due,
        0 as on_time,
        0 as broken,
        orders as delivered,
        days_late
    from alike
    where delivered_on is not null
),

summed as (
    select
        day,
        method,
        sum(shipped) as shipped,
        sum(due) as due,
        sum(on_time) as on_time,
        sum(broken) as broken,
        sum(delivered) as delivered,
        sum(case when days_late > 0 then delivered else 0 end) as delivered_late,
        1.0 * sum(delivered * days_late)
        / nullif(sum(case when days_late is not null then delivered end), 0) as days_late_mean,
        1.0 * sum(delivered * days_late * days_late)
        / nullif(sum(case when days_late is not null then delivered end), 0) as days_late_squared
    from movements
    group by day, method
),

final as (
    select
        {{ run_columns() }},
        day,
        method,
        cast(shipped as integer) as shipped,
        cast(due as integer) as due,
        cast(on_time as integer) as on_time,
        cast(broken as integer) as broken,
        round(1.0 * on_time / nullif(on_time + broken, 0), 4) as on_time_share,
        cast(delivered as integer) as delivered,
        cast(delivered_late as integer) as delivered_late,
        round(days_late_mean, 2) as days_late_mean,
        case
            when days_late_squared > days_late_mean * days_late_mean
                then round(sqrt(days_late_squared - days_late_mean * days_late_mean), 2)
            when days_late_squared is not null then 0
        end as days_late_spread
    from summed
)

select * from final
