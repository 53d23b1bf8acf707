{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_orders_touched() }}",
    indexes=[
        {"columns": ["order_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
        {"columns": ["next_promised_on"]},
    ],
) }}

with shipments as (
    select * from {{ ref("stg_shop__shipments") }}
    {{ only_orders_touched() }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

statuses as (
    select * from {{ ref("shipment_statuses") }}
),

parcels as (
    select
        shipments.*,
        {{ business_date("shipments.shipped_at") }} as shipped_on,
        coalesce(statuses.status = 'failed', false)
        and shipments.delivered_on is null as has_failed,
        {{ days_between("shipments.promised_on", "shipments.delivered_on") }} as days_late
    from shipments
    left join statuses on shipments.source_status = statuses.source_status
),

-- An order is there when its last parcel is, and as late as its latest one.
summed as (
    select
        order_key,
        cast(count(*) as integer) as parcels,
        max(promised_on) as promised_on,
        min(shipped_on) as shipped_on,
        case when count(delivered_on) = count(*) then max(delivered_on) end as delivered_on,
        case when count(delivered_on) = count(*) then max(days_late) end as days_late,
        -- A parcel that came after its day has broken the promise while others are on their way.
        coalesce(max(days_late) > 0, false) as is_late,
        min(case when delivered_on is null and not has_failed then promised_on end)
            as next_promised_on,
        bool_or(has_failed) as has_failed
    from parcels
    group by order_key
),

final as (
    select
        summed.*,
        orders.customer_key,
        orders.ordered_on,
        {{ changed_in_run() }}
    from summed
    left join orders on summed.order_key = orders.order_key
)

select * from final
