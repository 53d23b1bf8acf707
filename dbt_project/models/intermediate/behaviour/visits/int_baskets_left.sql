with sessions as (
    select * from {{ ref("int_web_sessions_summarized") }}
    where (has_cart or has_checkout) and {{ in_intent_window("started_on") }}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

-- A purchase takes every basket before it along, on whichever device or channel it was made.
final as (
    select
        sessions.customer_key,
        sessions.session_key,
        sessions.ended_at as left_at,
        sessions.started_on as left_on,
        sessions.has_checkout as is_checkout,
        cast(row_number() over (
            partition by sessions.customer_key
            order by sessions.started_at asc, sessions.session_key asc
        ) as integer) as nth
    from sessions
    inner join customers on sessions.customer_key = customers.customer_key
    where coalesce(customers.last_valid_ordered_at < sessions.started_at, true)
)

select * from final
