{# Nobody is lost between a rule and its list: listed, or counted with a cause. #}
with candidates as (
    select
        list_name,
        count(*) as customers
    from {{ ref("int_outreach_candidates") }}
    group by list_name
),

listed as (
    select
        list_name,
        count(*) as customers
    from {{ ref("outreach_lists") }}
    group by list_name
),

omitted as (
    select
        list_name,
        sum(customers) as customers
    from {{ ref("outreach_omissions") }}
    group by list_name
),

at_risk as (
    select count(*) as customers
    from {{ ref("customer_types") }}
    where type = 'at_risk' and valid_to is null
)

select
    candidates.list_name,
    candidates.customers,
    listed.customers as listed,
    omitted.customers as omitted,
    at_risk.customers as at_risk
from candidates
cross join at_risk
left join listed on candidates.list_name = listed.list_name
left join omitted on candidates.list_name = omitted.list_name
where candidates.customers <> coalesce(listed.customers, 0) + coalesce(omitted.customers, 0)
    or (candidates.list_name = 'at_risk' and candidates.customers <> at_risk.customers)
