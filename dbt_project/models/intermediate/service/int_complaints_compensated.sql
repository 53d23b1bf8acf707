with complaints as (
    select * from {{ ref("int_orders_complained") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

deliveries as (
    select * from {{ ref("int_orders_delivered") }}
),

refunds as (
    select * from {{ ref("int_refunds_valued") }}
),

-- What was given for the order after the first complaint, and soon enough to be an answer to it.
given as (
    select
        complaints.order_key,
        min(refunds.completed_on) as compensated_on,
        sum(refunds.amount_base) as compensation_base
    from complaints
    inner join refunds on complaints.order_key = refunds.order_key
    where refunds.kind = 'compensation'
        and refunds.exclusion is null
        and refunds.completed_on >= complaints.complained_on
        and {{ days_between("complaints.complained_on", "refunds.completed_on") }}
        <= {{ var("compensation_within_days") }}
    group by complaints.order_key
),

returned as (
    select distinct order_key from refunds
    where is_quality_return
),

final as (
    select
        complaints.order_key,
        orders.customer_key,
        complaints.complained_on,
        complaints.complaints,
        case
            when deliveries.is_on_time = false then 'late_or_failed_delivery'
            when complaints.is_about_quality or returned.order_key is not null
                then 'product_quality'
        end as deserved_for,
        given.compensated_on,
        given.compensation_base,
        {{ days_between("complaints.complained_on", "given.compensated_on") }}
            as days_to_compensation
    from complaints
    inner join orders on complaints.order_key = orders.order_key
    left join deliveries on complaints.order_key = deliveries.order_key
    left join returned on complaints.order_key = returned.order_key
    left join given on complaints.order_key = given.order_key
)

select * from final
