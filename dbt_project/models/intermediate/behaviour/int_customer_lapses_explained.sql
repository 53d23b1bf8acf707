with lapsed as (
    select
        *,
        {{ days_after("last_purchase_on", "separation_after_days") }} as separated_on
    from {{ ref("int_customers_measured") }}
    where phase = 'separation'
),

signals as (
    select * from {{ ref("int_dissatisfaction_signals") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

shipments as (
    select * from {{ ref("stg_shop__shipments") }}
),

-- What went wrong around the last purchase and was still wrong when the customer had gone.
complaints as (
    select
        lapsed.customer_key,
        count(case when signals.kind <> 'quality_return' then 1 end) as unresolved_complaints,
        count(case when signals.kind = 'quality_return' then 1 end) as quality_returns,
        count(case when signals.kind <> 'quality_return' and signals.solved_at is null then 1 end)
            as open_complaints,
        count(case when signals.kind = 'quality_return' and signals.solved_at is null then 1 end)
            as open_returns
    from lapsed
    inner join signals on lapsed.customer_key = signals.customer_key
    where signals.recovered_by is null
        and {{ days_between("signals.signal_on", "lapsed.last_purchase_on") }}
        <= {{ var("dissatisfaction_days") }}
        and (
            signals.kind = 'quality_return'
            or signals.solved_on is null
            or signals.solved_on >= lapsed.separated_on
        )
    group by lapsed.customer_key
),

deliveries as (
    select
        lapsed.customer_key,
        count(*) as bad_deliveries
    from lapsed
    inner join orders
        on lapsed.customer_key = orders.customer_key and lapsed.last_purchase_on = orders.ordered_on
    inner join shipments on orders.order_key = shipments.order_key
    where shipments.source_status in ('failed', 'lost', 'returned')
        or coalesce(shipments.delivered_on, {{ as_of_date() }}) > shipments.promised_on
    group by lapsed.customer_key
),

final as (
    select
        lapsed.customer_key,
        lapsed.separated_on,
        case
            when complaints.unresolved_complaints > 0 then 'unresolved_complaint'
            when deliveries.bad_deliveries > 0 then 'late_or_failed_delivery'
            when complaints.quality_returns > 0 then 'product_quality'
            when lapsed.orders >= 2 and lapsed.discounted_orders = lapsed.orders then 'price'
            else 'unknown'
        end as reason,
        -- Only what has an end can be mended: null where the source cannot say.
        case
            when complaints.unresolved_complaints > 0 then complaints.open_complaints = 0
            when deliveries.bad_deliveries > 0 then null
            when complaints.quality_returns > 0 then complaints.open_returns = 0
        end as is_mended
    from lapsed
    left join complaints on lapsed.customer_key = complaints.customer_key
    left join deliveries on lapsed.customer_key = deliveries.customer_key
)

select * from final
