with signals as (
    select * from {{ ref("int_dissatisfaction_raised") }}
),

surveys as (
    select * from {{ ref("int_surveys_attributed") }}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

good_answers as (
    select
        customer_key,
        max(answered_at) as last_rated_well_at
    from surveys
    where is_rated_well
    group by customer_key
),

-- An answer, or a renewal switched off, is nothing that somebody solves: what follows it counts.
settled as (
    select
        *,
        case
            when kind in ('survey', 'renewal_switched_off') then signal_at
            when solved_at is not null then greatest(solved_at, signal_at)
        end as settled_at
    from signals
),

final as (
    select
        settled.signal_key,
        settled.customer_key,
        settled.kind,
        settled.signal_at,
        {{ business_date("settled.signal_at") }} as signal_on,
        settled.solved_at,
        {{ business_date("settled.solved_at") }} as solved_on,
        case
            when settled.is_rated_well or good_answers.last_rated_well_at > settled.settled_at
                then 'rated_well'
            when customers.last_valid_ordered_at > settled.settled_at then 'bought_again'
        end as recovered_by
    from settled
    inner join customers on settled.customer_key = customers.customer_key
    left join good_answers on settled.customer_key = good_answers.customer_key
)

select * from final
