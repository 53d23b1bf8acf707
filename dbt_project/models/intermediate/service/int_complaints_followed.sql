with tickets as (
    select * from {{ ref("int_tickets_attributed") }}
    where is_complaint and customer_key is not null
),

timed as (
    select * from {{ ref("int_tickets_timed") }}
),

purchases as (
    select
        customer_key,
        day
    from {{ ref("int_customer_days_summarized") }}
    where valid_orders > 0 and customer_key is not null
),

complaints as (
    select
        tickets.ticket_key,
        tickets.customer_key,
        tickets.created_on as complained_on,
        case
            when timed.agent_replies is null then 'unknown'
            when timed.first_reply_minutes is null then 'never'
            {%- for minutes, band in [
                (60, "within_1_hour"), (1440, "within_1_day"), (4320, "within_3_days")
            ] %}
            when timed.first_reply_minutes <= {{ minutes }} then '{{ band }}'
            {%- endfor %}
            else 'slower'
        end as reply_band
    from tickets
    inner join timed on tickets.ticket_key = timed.ticket_key
),

-- A purchase on the day of the complaint came before it: nobody complains first and buys then.
final as (
    select
        complaints.ticket_key,
        complaints.customer_key,
        complaints.complained_on,
        complaints.reply_band,
        max(case when purchases.day <= complaints.complained_on then purchases.day end)
            as purchased_before_on,
        min(case when purchases.day > complaints.complained_on then purchases.day end)
            as purchased_after_on
    from complaints
    left join purchases on complaints.customer_key = purchases.customer_key
    group by
        complaints.ticket_key,
        complaints.customer_key,
        complaints.complained_on,
        complaints.reply_band
)

select * from final
