with candidates as (
    select * from {{ ref("int_outreach_candidates") }}
    where omitted_because is not null
),

final as (
    select
        {{ run_columns() }},
        {{ as_of_date() }} as list_date,
        list_name,
        omitted_because as cause,
        cast(count(*) as integer) as customers
    from candidates
    group by list_name, omitted_because
)

select * from final
