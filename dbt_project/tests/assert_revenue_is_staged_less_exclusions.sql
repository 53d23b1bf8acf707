{# Money is neither lost nor made on the way, to the last Rial: what was staged is what was valued,
   and revenue by day, with what ties to nobody, is what was valued less what is left out by name. A
   join that fans out shows here. A build that goes on looks at what it has computed. #}
with orders as (
    select * from {{ ref("stg_shop__orders") }}
    {{ only_orders_revalued() }}
),

staged as (
    select sum(orders.gross_amount * coalesce(rates.rate_to_base, 0)) as gross
    from orders
    left join {{ ref("int_exchange_rates_dated") }} as rates
        on
            orders.currency = rates.currency
            and orders.ordered_on >= rates.valid_from
            and (orders.ordered_on < rates.valid_to or rates.valid_to is null)
),

valued as (
    select sum(gross_base) as gross
    from {{ ref("int_orders_valued") }}
    {{ only_orders_revalued() }}
),

orders_of_customers as (
    select
        order_key,
        gross_base,
        exclusion,
        takes_refunds
    from {{ ref("int_orders_valued") }}
    {{ of_customers_changed() }}
),

sold as (
    select
        sum(coalesce(gross_base, 0))
        - sum(case when exclusion is not null then coalesce(gross_base, 0) else 0 end) as gross
    from orders_of_customers
),

refunded as (
    select sum(refunds.amount_base) as refunds
    from {{ ref("int_refunds_valued") }} as refunds
    inner join orders_of_customers as orders on refunds.order_key = orders.order_key
    where refunds.exclusion is null and orders.takes_refunds
),

counted as (
    select
        sum(gross_revenue) as gross,
        sum(refunds) as refunds
    from {{ ref("int_customer_days_summarized") }}
    {{ of_customers_changed() }}
)

select
    staged.gross as staged_gross,
    valued.gross as valued_gross,
    sold.gross as sold_gross,
    counted.gross as counted_gross,
    refunded.refunds as staged_refunds,
    counted.refunds as counted_refunds
from staged
cross join valued
cross join sold
cross join refunded
cross join counted
where coalesce(staged.gross, 0) <> coalesce(valued.gross, 0)
    or coalesce(sold.gross, 0) <> coalesce(counted.gross, 0)
    or coalesce(refunded.refunds, 0) <> coalesce(counted.refunds, 0)
