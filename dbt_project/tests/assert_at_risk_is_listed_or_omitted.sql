{# Nobody at risk is lost between the type and the list: listed, or counted with a cause. #}
with at_risk as (
    select count(*) as customers
    from {{ ref("customer_types") }}
    where type = 'at_risk' and valid_to is null
),

listed as (
    select count(*) as customers
    from {{ ref("outreach_lists") }}
    where list_name = 'at_risk'
),

omitted as (
    select coalesce(sum(customers), 0) as customers
    from {{ ref("outreach_omissions") }}
    where list_name = 'at_risk'
)

select
    at_risk.customers as at_risk,
    listed.customers as listed,
    omitted.customers as omitted
from at_risk
cross join listed
cross join omitted
where at_risk.customers <> listed.customers + omitted.customers
