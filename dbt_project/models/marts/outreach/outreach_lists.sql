with candidates as (
    select * from {{ ref("int_outreach_candidates") }}
    where omitted_because is null
),

playbook as (
    select * from {{ ref("playbook") }}
),

figures as (
    select
        *,
        purchase_days = 1 as has_bought_once,
        cast(days_since_last_purchase as text) as silent_days,
        cast(cast(round(own_gap_days) as integer) as text) as gap_days,
        cast(purchase_days as text) as purchases
    from candidates
),

reasons as (
    select
        *,
        case
            when has_bought_once
                then concat(
                        'یک بار خرید کرده و ',
                        silent_days,
                        ' روز از آن گذشته است؛ از چنین مشتریانی هر ',
                        gap_days, ' روز یک خرید انتظار می‌رود.'
                    )
            else concat(
                    silent_days, ' روز از آخرین خرید گذشته است؛ معمولاً هر ', gap_days,
                    ' روز یک بار خرید می‌کند (', purchases, ' روز خرید تاکنون).'
                )
        end as reasons_fa,
        case
            when has_bought_once
                then concat(
                        'Bought once, ', silent_days,
                        ' days ago; customers like this one are expected to buy every ',
                        gap_days,
                        ' days.'
                    )
            else concat(
                    'Last purchase ', silent_days, ' days ago; usually buys every ', gap_days,
                    ' days (', purchases, ' purchase days so far).'
                )
        end as reasons_en
    from figures
),

final as (
    select
        {{ run_columns() }},
        {{ as_of_date() }} as list_date,
        reasons.list_name,
        reasons.customer_key,
        cast(row_number() over (
            partition by reasons.list_name
            order by reasons.value_at_stake desc, reasons.customer_key asc
        ) as integer) as rank,
        reasons.full_name,
        reasons.channel,
        reasons.address,
        '{{ var("outreach_language") }}' as language,
        {{ persian_digits("reasons.reasons_fa") }} as reasons_fa,
        reasons.reasons_en,
        playbook.next_step_fa,
        playbook.next_step_en,
        reasons.score,
        reasons.value_at_stake,
        cast(null as text) as referrer,
        cast(null as text) as order_id
    from reasons
    inner join playbook on reasons.list_name = playbook.type
)

select * from final
