{# Two computations of one thing: the open period of the life cycle is the phase in customers, and
   the history begins on the day the customer became known. #}
with last_periods as (
    select
        customer_key,
        phase
    from {{ ref("customer_life_cycle") }}
    where to_date is null
),

first_days as (
    select
        customer_key,
        min(from_date) as from_date
    from {{ ref("customer_life_cycle") }}
    group by customer_key
)

select customers.customer_key
from {{ ref("customers") }} as customers
left join last_periods on customers.customer_key = last_periods.customer_key
left join first_days on customers.customer_key = first_days.customer_key
where last_periods.phase is distinct from customers.phase
    or first_days.from_date is distinct from customers.first_seen_on
