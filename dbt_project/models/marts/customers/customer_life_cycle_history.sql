with days as (
    select * from {{ ref("int_customer_days_summarized") }}
),

scope as (
    select customer_key from {{ ref("customer_life_cycle_history_scope") }}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
    where {{ starts_anew("customer_life_cycle") | lower }}
        or customer_key in (select scope.customer_key from scope)
),

purchases as (
    select
        customers.customer_key,
        days.day,
        customers.first_purchase_on,
        {{ days_after("customers.first_purchase_on", var("new_customer_days") ~ " + 1") }}
            as no_longer_new_on,
        row_number() over (partition by days.customer_key order by days.day asc) as nth,
        lead(days.day) over (partition by days.customer_key order by days.day asc) as next_day,
        customers.group_gap_days
    from days
    inner join customers on days.customer_key = customers.customer_key
    where days.valid_orders > 0
),

-- When silence after this purchase becomes separation, by the rhythm known on that day.
expected as (
    select
        *,
        {{ days_after("day", separation_after_days(own_gap_days(
            "(nth - 1)", days_between("first_purchase_on", "day"), "group_gap_days"
        ))) }} as separated_on
    from purchases
),

followed as (
    select
        *,
        lag(separated_on) over (partition by customer_key order by day asc) as was_separated_on
    from expected
),

changes as (
    select
        customer_key,
        'acquisition' as phase,
        first_seen_on as from_date,
        'became_known' as entered_because
    from customers
    where first_purchase_on is null or first_seen_on < first_purchase_on

    union all

    select
        customer_key,
        'new' as phase,
        day as from_date,
        'first_purchase' as entered_because
    from followed
    where nth = 1

    union all

    select
        customer_key,
        'existing' as phase,
        no_longer_new_on as from_date,
        'no_longer_new' as entered_because
    from followed
    where nth = 1
        and no_longer_new_on <= {{ as_of_date() }}
        and coalesce(next_day >= no_longer_new_on, true)
        and (separated_on > no_longer_new_on or next_day = separated_on)

    union all

    select
        customer_key,
        'existing' as phase,
        day as from_date,
        case when day > was_separated_on then 'reactivated' else 'second_purchase' end
            as entered_because
    from followed
    where day > was_separated_on or (nth = 2 and day < no_longer_new_on)

    union all

    select
        customer_key,
        'separation' as phase,
        separated_on as from_date,
        'no_purchase' as entered_because
    from followed
    where separated_on <= {{ as_of_date() }} and coalesce(next_day > separated_on, true)
),

final as (
    select
        {{ run_columns() }},
        customer_key,
        phase,
        from_date,
        lead(from_date) over (partition by customer_key order by from_date asc) as to_date,
        entered_because
    from changes
)

select * from final
