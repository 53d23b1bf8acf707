{{ config(materialized="view") }}

with customers as (
    select * from {{ ref("int_customers_measured") }}
),

-- Only a silence longer than the shortest separation can be one.
silences as (
    select * from {{ ref("int_customer_months_summarized") }}
    where purchase_days > 0
        and coalesce(next_purchase_on, {{ days_after(as_of_date(), 1) }})
        > {{ days_after("last_purchase_on", var("separation_min_days")) }}
),

-- The customer's own rhythm as it was when the silence began.
rhythms as (
    select
        silences.calendar,
        silences.last_purchase_on,
        silences.next_purchase_on,
        {{ own_gap_days(
            "(silences.purchase_days_so_far - 1)",
            days_between("silences.first_purchase_on", "silences.last_purchase_on"),
            "customers.group_gap_days"
        ) }} as own_gap_days
    from silences
    inner join customers on silences.customer_key = customers.customer_key
),

separations as (
    select
        *,
        {{ days_after("last_purchase_on", separation_after_days("own_gap_days")) }} as separated_on
    from rhythms
),

final as (
    select
        calendar,
        separated_on as day,
        1 as churned,
        0 as reactivated
    from separations
    where separated_on <= {{ as_of_date() }}
        and (next_purchase_on > separated_on or next_purchase_on is null)

    union all

    select
        calendar,
        next_purchase_on as day,
        0 as churned,
        1 as reactivated
    from separations
    where next_purchase_on > separated_on
)

select * from final
