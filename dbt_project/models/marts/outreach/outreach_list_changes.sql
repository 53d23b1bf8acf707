with playbook as (
    select list_name from {{ ref("list_playbook") }}
),

listed as (
    select
        list_name,
        customer_key
    from {{ ref("outreach_lists") }}
),

listed_before as (
    select * from {{ ref("stg_published__outreach_lists") }}
),

compared as (
    select
        coalesce(listed.list_name, listed_before.list_name) as list_name,
        coalesce(listed.customer_key, listed_before.customer_key) as customer_key,
        case
            when listed_before.customer_key is null then 'joined'
            when listed.customer_key is null then 'left'
            else 'stayed'
        end as change
    from listed
    full outer join listed_before
        on
            listed.list_name = listed_before.list_name
            and listed.customer_key = listed_before.customer_key
),

counted as (
    select
        list_name,
        count(case when change = 'joined' then 1 end) as joined,
        count(case when change = 'stayed' then 1 end) as stayed,
        count(case when change = 'left' then 1 end) as gone,
        array_agg(case when change = 'joined' then customer_key end order by customer_key asc)
            as joined_keys,
        array_agg(case when change = 'left' then customer_key end order by customer_key asc)
            as left_keys
    from compared
    group by list_name
),

-- Each list has its row on every day, so that a tool need not guess what a missing one means.
final as (
    select
        {{ run_columns() }},
        {{ as_of_date() }} as list_date,
        playbook.list_name,
        cast(coalesce(counted.joined, 0) as integer) as joined,
        cast(coalesce(counted.stayed, 0) as integer) as stayed,
        cast(coalesce(counted.gone, 0) as integer) as "left",
        array_remove(coalesce(counted.joined_keys, cast(array[] as text[])), null) as joined_keys,
        array_remove(coalesce(counted.left_keys, cast(array[] as text[])), null) as left_keys
    from playbook
    left join counted on playbook.list_name = counted.list_name
)

select * from final
