with scope as (
    {{ changed_customers() }}

    union distinct

    select customer_key from {{ ref("int_outreach_assigned") }}
),

final as (
    {{ history_scope("outreach_assignments", "customer_key") }}
)

select * from final
