{# Both calendars cut the same customers and the same purchases: each customer who has bought is in
   one cohort and bought in its first month, and the orders since are those of the customers. #}
with customers as (
    select
        count(*) as customers,
        sum(orders) as orders
    from {{ ref("int_customers_measured") }}
    where purchase_days > 0
),

cohorts as (
    select
        calendar,
        sum(case when month_number = 0 then customers end) as customers,
        sum(case when month_number = 0 then active end) as active,
        sum(orders) as orders
    from {{ ref("cohorts") }}
    group by calendar
),

retention as (
    select
        calendar,
        sum(new_buyers) as new_buyers,
        sum(churned - reactivated) as gone
    from {{ ref("retention_monthly") }}
    group by calendar
),

-- Separation does not depend on the calendar that its months are counted by.
gone as (
    select max(gone) as most_gone from retention
)

select
    cohorts.*,
    customers.customers as buyers,
    customers.orders as their_orders,
    retention.new_buyers,
    retention.gone
from cohorts
cross join customers
cross join gone
inner join retention on cohorts.calendar = retention.calendar
where cohorts.customers <> customers.customers
    or cohorts.active <> customers.customers
    or cohorts.orders <> customers.orders
    or retention.new_buyers <> customers.customers
    or retention.gone <> gone.most_gone
