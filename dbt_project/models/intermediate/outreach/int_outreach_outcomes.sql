with assignments as (
    select * from {{ ref("int_outreach_assigned") }}

    union all

    select * from {{ ref("stg_published__outreach_assignments") }}
),

purchases as (
    select
        customer_key,
        day,
        net_revenue
    from {{ ref("int_customer_days_summarized") }}
    where valid_orders > 0
),

contacts as (
    select * from {{ ref("int_contacts_attributed") }}
),

bought as (
    select
        assignments.list_name,
        assignments.customer_key,
        assignments.assigned_on,
        sum(purchases.net_revenue) as net_revenue
    from assignments
    inner join purchases
        on
            assignments.customer_key = purchases.customer_key
            and assignments.assigned_on < purchases.day
            and {{ days_after("assignments.assigned_on", var("horizon_days")) }} >= purchases.day
    group by assignments.list_name, assignments.customer_key, assignments.assigned_on
),

contacted as (
    select distinct
        assignments.list_name,
        assignments.customer_key,
        assignments.assigned_on
    from assignments
    inner join contacts
        on
            assignments.customer_key = contacts.customer_key
            and assignments.list_name = contacts.list_name
            and assignments.assigned_on <= contacts.sent_on
            and {{ days_after("assignments.assigned_on", var("horizon_days")) }} >= contacts.sent_on
),

final as (
    select
        assignments.list_name,
        assignments.customer_key,
        assignments.assigned_on,
        assignments.is_held_out,
        -- Only a window that is over can be judged: those who buy soon would count first.
        {{ days_between("assignments.assigned_on", as_of_date()) }} >= {{ var("horizon_days") }}
            as is_complete,
        contacted.customer_key is not null as was_contacted,
        bought.customer_key is not null as has_bought,
        coalesce(bought.net_revenue, 0) as net_revenue
    from assignments
    left join contacted
        on
            assignments.list_name = contacted.list_name
            and assignments.customer_key = contacted.customer_key
            and assignments.assigned_on = contacted.assigned_on
    left join bought
        on
            assignments.list_name = bought.list_name
            and assignments.customer_key = bought.customer_key
            and assignments.assigned_on = bought.assigned_on
)

select * from final
