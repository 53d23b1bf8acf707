with candidates as (
    select * from {{ ref("int_outreach_candidates") }}
    where omitted_because is null
),

playbook as (
    select * from {{ ref("list_playbook") }}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

orders as (
    select * from {{ ref("int_orders_valued") }}
),

final as (
    select
        {{ run_columns() }},
        {{ as_of_date() }} as list_date,
        candidates.list_name,
        candidates.customer_key,
        cast(row_number() over (
            partition by candidates.list_name
            order by
                candidates.urgency desc,
                candidates.value_at_stake desc nulls last,
                candidates.customer_key asc
        ) as integer) as rank,
        candidates.full_name,
        candidates.channel,
        candidates.address,
        '{{ var("outreach_language") }}' as language,
        {{ persian_digits("candidates.reasons_fa") }} as reasons_fa,
        candidates.reasons_en,
        playbook.next_step_fa,
        playbook.next_step_en,
        candidates.score,
        candidates.value_at_stake,
        -- Someone who asked to be forgotten is not named to anybody.
        case when not referrers.is_erased then referrers.full_name end as referrer,
        orders.order_id
    from candidates
    inner join playbook on candidates.list_name = playbook.list_name
    left join profiles as referrers on candidates.referrer_key = referrers.customer_key
    left join orders on candidates.order_key = orders.order_key
)

select * from final
