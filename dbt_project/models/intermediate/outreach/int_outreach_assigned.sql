{# Who entered a list on which day, and on which side of the experiment: written down once, when the
   customer could first be contacted, and counted from then on whatever happens later. #}
with candidates as (
    select * from {{ ref("int_outreach_candidates") }}
    where omitted_because is null or omitted_because in ('holdout', 'contacted_lately')
),

assigned_before as (
    select * from {{ ref("stg_published__outreach_assignments") }}
),

-- A customer counts again in the same list when the horizon of the last time is over.
running as (
    select distinct
        list_name,
        customer_key
    from assigned_before
    where {{ days_between("assigned_on", as_of_date()) }} < {{ var("horizon_days") }}
),

final as (
    select
        candidates.list_name,
        candidates.customer_key,
        {{ as_of_date() }} as assigned_on,
        candidates.is_held_out
    from candidates
    left join running
        on
            candidates.list_name = running.list_name
            and candidates.customer_key = running.customer_key
    where running.customer_key is null
)

select * from final
