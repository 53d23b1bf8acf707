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

named as (
    select * from {{ ref("int_competitors_named") }}
),

competitors as (
    select
        customer_key,
        max(named_on) as last_named_on
    from named
    group by customer_key
),

-- Who says that another shop is better has a cause of its own; a renewal switched off says none.
complaints_made as (
    select signals.*
    from signals
    left join named
        on signals.signal_key = named.text_key and signals.kind <> 'quality_return'
    where signals.kind <> 'renewal_switched_off' and named.text_key is null
),

-- What went wrong around the last purchase and was still wrong when the customer had gone.
complaints as (
    select
        lapsed.customer_key,
        count(case when made.kind <> 'quality_return' then 1 end) as unresolved_complaints,
        count(case when made.kind = 'quality_return' then 1 end) as quality_returns,
        count(case when made.kind <> 'quality_return' and made.solved_at is null then 1 end)
            as open_complaints,
        count(case when made.kind = 'quality_return' and made.solved_at is null then 1 end)
            as open_returns
    from lapsed
    inner join complaints_made as made on lapsed.customer_key = made.customer_key
    where made.recovered_by is null
        and {{ days_between("made.signal_on", "lapsed.last_purchase_on") }}
        <= {{ var("dissatisfaction_days") }}
        and (
            made.kind = 'quality_return'
            or made.solved_on is null
            or made.solved_on >= lapsed.separated_on
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
            when {{ days_between("competitors.last_named_on", "lapsed.last_purchase_on") }}
                <= {{ var("dissatisfaction_days") }}
                then 'better_offer'
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
    left join competitors on lapsed.customer_key = competitors.customer_key
)

select * from final
