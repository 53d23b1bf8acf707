{{ config(materialized="view") }}

with shipped as (
    select * from {{ ref("int_orders_shipped") }}
),

-- A view: a promise is broken by the mere passing of its day, on which no row has changed.
final as (
    select
        order_key,
        customer_key,
        ordered_on,
        promised_on,
        shipped_on,
        delivered_on,
        days_late,
        case
            when promised_on is null then null
            when has_failed or is_late then false
            when next_promised_on < {{ as_of_date() }} then false
            when delivered_on is not null then true
        end as is_on_time,
        case
            when delivered_on is not null then 'delivered'
            when has_failed then 'failed'
            when next_promised_on < {{ as_of_date() }} then 'overdue'
            when shipped_on is not null then 'on_the_way'
            else 'preparing'
        end as delivery_status,
        case
            when promised_on is null then 'no_promise'
            {%- for days, method in [
                (0, "same_day"), (1, "next_day"), (3, "within_3_days"), (7, "within_7_days")
            ] %}
            when {{ days_between("ordered_on", "promised_on") }} <= {{ days }}
                then '{{ method }}'
            {%- endfor %}
            else 'over_7_days'
        end as method
    from shipped
)

select * from final
