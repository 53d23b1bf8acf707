{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_orders_revalued() }}",
    indexes=[
        {"columns": ["order_key"], "unique": true},
        {"columns": ["customer_key", "ordered_on"]},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with orders as (
    select * from {{ ref("stg_shop__orders") }}
    {{ only_orders_revalued() }}
),

rates as (
    select * from {{ ref("int_exchange_rates_dated") }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

-- Added up before the join: an order with many refunds, or payments, stays one row.
refunds as (
    select
        order_key,
        sum(amount_base) as refunded_base,
        sum(case when kind <> 'compensation' then amount_base else 0 end) as returned_base
    from {{ ref("int_refunds_valued") }}
    {{ only_orders_revalued() or "where true" }}
        and exclusion is null
    group by order_key
),

valued as (
    select
        orders.*,
        coalesce(by_account.customer_key, by_email.customer_key, by_phone.customer_key)
            as customer_key,
        orders.gross_amount * rates.rate_to_base as gross_base,
        orders.discount_amount * rates.rate_to_base as discount_base,
        orders.shipping_amount * rates.rate_to_base as shipping_base,
        orders.tax_amount * rates.rate_to_base as tax_base,
        orders.total_amount * rates.rate_to_base as total_base,
        coalesce(refunds.refunded_base, 0) as refunded_base,
        coalesce(refunds.returned_base, 0) as returned_base,
        case
            when orders.direction = 'purchase' then 'bought_by_shop'
            when orders.direction <> 'sale' then 'unknown_direction'
            when orders.status not in ('paid', 'shipped', 'delivered', 'completed')
                then concat('status_', orders.status)
            when rates.rate_to_base is null then 'no_rate'
        end as exclusion
    from orders
    left join rates
        on
            orders.currency = rates.currency
            and orders.ordered_on >= rates.valid_from
            and (orders.ordered_on < rates.valid_to or rates.valid_to is null)
    left join refunds on orders.order_key = refunds.order_key
    left join links as by_account on orders.account_key = by_account.identity_key
    left join links as by_email
        on orders.account_key is null and concat('email:', orders.email) = by_email.identity_key
    left join links as by_phone
        on orders.account_key is null and concat('phone:', orders.phone) = by_phone.identity_key
),

final as (
    select
        order_key,
        order_id,
        source,
        customer_key,
        ordered_at,
        ordered_on,
        status,
        direction,
        channel,
        campaign,
        referral_code,
        coupon_codes,
        session_key,
        seller_account_key,
        seller_account_key is not null as is_sold_by_customer,
        currency,
        gross_base,
        discount_base,
        shipping_base,
        tax_base,
        total_base,
        refunded_base,
        returned_base,
        exclusion,
        exclusion is null as is_sold,
        -- A credit note is a sale of nothing whose refunds take back what other orders sold.
        exclusion is null
        or (direction = 'sale' and gross_amount = 0 and total_amount = 0) as takes_refunds,
        exclusion is null
        and not (returned_base > 0 and returned_base >= gross_base - discount_base) as is_valid,
        {{ changed_in_run() }}
    from valued
)

select * from final
