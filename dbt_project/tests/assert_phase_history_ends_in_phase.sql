{# Two computations of one thing: the open period of the life cycle is the phase in customers, and
   the history begins on the day the customer became known. Asked of every customer in scope, which is
   everybody when the history is written anew; the others are as an earlier run proved them. #}
with scope as (
    select customer_key from {{ ref("customer_life_cycle_history_scope") }}
),

everybody as (
    select count(*) > 0 as is_in_scope
    from scope
    where customer_key is null
),

periods as (
    select * from {{ ref("customer_life_cycle_history") }}
),

last_periods as (
    select
        customer_key,
        phase
    from periods
    where to_date is null
),

first_days as (
    select
        customer_key,
        min(from_date) as from_date
    from periods
    group by customer_key
)

select customers.customer_key
from {{ ref("customers") }} as customers
cross join everybody
left join scope on customers.customer_key = scope.customer_key
left join last_periods on customers.customer_key = last_periods.customer_key
left join first_days on customers.customer_key = first_days.customer_key
where (everybody.is_in_scope or scope.customer_key is not null)
    and (
        last_periods.phase is distinct from customers.phase
        or first_days.from_date is distinct from customers.first_seen_on
    )
