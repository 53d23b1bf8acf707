{{ config(indexes=[{"columns": ["customer_key"]}]) }}

with signals as (
    select * from {{ ref("int_dissatisfaction_signals") }}
),

tickets as (
    select * from {{ ref("int_tickets_attributed") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

timed as (
    select * from {{ ref("int_tickets_timed") }}
),

deliveries as (
    select * from {{ ref("int_orders_delivered") }}
    where not is_on_time
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

moments as (
    select
        customer_key,
        signal_on as happened_on,
        solved_on as ended_on,
        1 as complaints,
        cast(null as double precision) as sentiment_score,
        0 as late_deliveries,
        cast(null as double precision) as reply_hours
    from signals

    union all

    -- A reply counts on the day it came: before that its slowness is not known.
    select
        tickets.customer_key,
        {{ business_date("timed.first_reply_at") }} as happened_on,
        cast(null as date) as ended_on,
        0 as complaints,
        cast(null as double precision) as sentiment_score,
        0 as late_deliveries,
        cast(timed.first_reply_minutes / 60 as double precision) as reply_hours
    from tickets
    inner join timed on tickets.ticket_key = timed.ticket_key
    where timed.first_reply_at is not null

    union all

    select
        customer_key,
        created_on as happened_on,
        cast(null as date) as ended_on,
        0 as complaints,
        cast(sentiment_score as double precision) as sentiment_score,
        0 as late_deliveries,
        cast(null as double precision) as reply_hours
    from tickets
    where sentiment_score is not null

    union all

    select
        customer_key,
        created_on as happened_on,
        cast(null as date) as ended_on,
        0 as complaints,
        cast(sentiment_score as double precision) as sentiment_score,
        0 as late_deliveries,
        cast(null as double precision) as reply_hours
    from mentions
    where sentiment_score is not null

    union all

    -- Late from the day after the promise, however late it is in the end.
    select
        orders.customer_key,
        {{ days_after("deliveries.promised_on", 1) }} as happened_on,
        cast(null as date) as ended_on,
        0 as complaints,
        cast(null as double precision) as sentiment_score,
        1 as late_deliveries,
        cast(null as double precision) as reply_hours
    from deliveries
    inner join orders on deliveries.order_key = orders.order_key
),

final as (
    select * from moments
    where customer_key is not null
)

select * from final
