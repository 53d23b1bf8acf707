-- Grain: one row. The run's totals beside those of the run that was published for the day before it.
with run as (
    select runs.as_of_date, prior.verdict #> '{candidate,figures}' as before
    from ops.runs as runs
    left join ops.runs as prior on prior.run_id = runs.prior_run_id
    where runs.run_id = current_setting('moshtari.run_id')::bigint
),

customers as (
    select
        count(*) as customers,
        sum(net_revenue) as net_revenue,
        max(last_purchase_on) as last_purchase_on
    from candidate.customers
),

listed as (
    select count(distinct customer_key) as listed
    from candidate.outreach_lists
)

select
    customers.customers,
    customers.net_revenue,
    listed.listed,
    (customers.customers / nullif((run.before ->> 'customers')::numeric, 0))::float
    as customers_share_of_prior,
    case
        when (run.before ->> 'net_revenue')::numeric > 0
            then (customers.net_revenue / (run.before ->> 'net_revenue')::numeric)::float
    end as revenue_share_of_prior,
    run.as_of_date - customers.last_purchase_on as days_since_any_purchase,
    (listed.listed / nullif(customers.customers, 0)::numeric)::float as listed_share
from run
cross join customers
cross join listed
