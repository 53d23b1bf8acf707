{# Money is neither lost nor made on the way: revenue by customer day, with what ties to nobody, is
   what was staged less what is left out by name. A join that fans out shows here. #}
with staged as (
    select sum(orders.gross_amount * coalesce(rates.rate_to_base, 0)) as gross
    from {{ ref("stg_shop__orders") }} as orders
    left join {{ ref("int_exchange_rates_dated") }} as rates
        on
            orders.currency = rates.currency
            and orders.ordered_on >= rates.valid_from
            and (orders.ordered_on < rates.valid_to or rates.valid_to is null)
),

excluded as (
    select sum(coalesce(gross_base, 0)) as gross
    from {{ ref("int_orders_valued") }}
    where exclusion is not null
),

refunded as (
    select sum(refunds.amount_base) as refunds
    from {{ ref("int_refunds_valued") }} as refunds
    inner join {{ ref("int_orders_valued") }} as orders on refunds.order_key = orders.order_key
    where refunds.exclusion is null and orders.takes_refunds
),

counted as (
    select
        sum(gross_revenue) as gross,
        sum(refunds) as refunds
    from {{ ref("int_customer_days_summarized") }}
)

select
    staged.gross as staged_gross,
    excluded.gross as excluded_gross,
    counted.gross as counted_gross,
    refunded.refunds as staged_refunds,
    counted.refunds as counted_refunds
from staged
cross join excluded
cross join refunded
cross join counted
where coalesce(staged.gross, 0) - coalesce(excluded.gross, 0) <> coalesce(counted.gross, 0)
    or coalesce(refunded.refunds, 0) <> coalesce(counted.refunds, 0)
