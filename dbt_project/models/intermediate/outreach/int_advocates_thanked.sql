with ladder as (
    select * from {{ ref("int_customers_laddered") }}
    where recommends
),

final as (
    select
        'advocates' as list_name,
        customer_key,
        cast(case when ladder_step = 'advocate' then 1 else 0.5 end as numeric) as score,
        case when ladder_step = 'advocate' then 1 else 0 end as urgency,
        case
            when ladder_step = 'advocate' then 'وفادار است و ما را به دیگران معرفی می‌کند.'
            else 'ما را به دیگران معرفی می‌کند.'
        end as reasons_fa,
        case
            when ladder_step = 'advocate' then 'Loyal, and recommends us to others.'
            else 'Recommends us to others.'
        end as reasons_en,
        cast(null as {{ text_type() }}) as order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from ladder
)

select * from final
