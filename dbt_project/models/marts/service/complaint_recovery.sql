{%- set horizon_ago = days_after(as_of_date(), "-" ~ var("horizon_days")) %}

with complaints as (
    select * from {{ ref("int_complaints_followed") }}
),

customer_months as (
    select * from {{ ref("int_customer_months_summarized") }}
    where purchase_days > 0
),

months as (
    select * from {{ ref("int_months_dated") }}
),

complainers as (
    select distinct customer_key from complaints
),

-- Of a customer's complaints in a month the first; only buyers, and only when the horizon is over.
ranked as (
    select
        months.calendar,
        months.month_index,
        complaints.*,
        row_number() over (
            partition by months.calendar, months.month_index, complaints.customer_key
            order by complaints.complained_on asc, complaints.ticket_key asc
        ) as complaint_rank
    from complaints
    inner join months
        on complaints.complained_on >= months.starts_on
            and complaints.complained_on < months.next_starts_on
    where complaints.complained_on <= {{ horizon_ago }}
        and {{ days_between("complaints.purchased_before_on", "complaints.complained_on") }}
        <= {{ var("compensation_order_days") }}
),

followed as (
    select
        calendar,
        month_index,
        reply_band,
        {{ days_between("complained_on", "purchased_after_on") }} <= {{ var("horizon_days") }}
            as bought_again
    from ranked
    where complaint_rank = 1

    union all

    -- Beside them the customers who bought in the month and have never complained: their clock runs
    -- from the month's first purchase.
    select
        customer_months.calendar,
        customer_months.month_index,
        'never_complained' as reply_band,
        customer_months.purchase_days > 1
        or {{ days_between(
            "customer_months.month_first_purchase_on", "customer_months.next_purchase_on"
        ) }} <= {{ var("horizon_days") }} as bought_again
    from customer_months
    left join complainers on customer_months.customer_key = complainers.customer_key
    where complainers.customer_key is null
        and customer_months.month_first_purchase_on <= {{ horizon_ago }}
),

summed as (
    select
        calendar,
        month_index,
        reply_band,
        count(*) as customers,
        count(case when bought_again then 1 end) as bought_again
    from followed
    group by calendar, month_index, reply_band
),

final as (
    select
        {{ run_columns() }},
        summed.calendar,
        months.month,
        months.starts_on,
        {{ days_after("months.next_starts_on", "-1") }} <= {{ horizon_ago }} as is_month_complete,
        summed.reply_band,
        cast(summed.customers as integer) as customers,
        cast(summed.bought_again as integer) as bought_again,
        round(1.0 * summed.bought_again / summed.customers, 4) as share,
        {{ wilson_bound("summed.bought_again", "summed.customers", "-") }} as share_low,
        {{ wilson_bound("summed.bought_again", "summed.customers", "+") }} as share_high,
        cast(others.customers as integer) as never_complained,
        round(1.0 * others.bought_again / others.customers, 4) as never_complained_share
    from summed
    inner join months
        on summed.calendar = months.calendar and summed.month_index = months.month_index
    left join summed as others
        on summed.calendar = others.calendar
            and summed.month_index = others.month_index
            and others.reply_band = 'never_complained'
)

select * from final
