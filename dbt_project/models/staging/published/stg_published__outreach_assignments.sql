{{ config(materialized="ephemeral") }}

with published as (
    {{ published_rows("outreach_assignments", {
        "list_name": "text",
        "customer_key": "text",
        "assigned_on": "date",
        "is_held_out": "boolean",
    }) }}
),

final as (
    select
        list_name,
        customer_key,
        assigned_on,
        is_held_out
    from published
)

select * from final
