{{ config(materialized="ephemeral") }}

with published as (
    {{ published_rows("outreach_lists", {"list_name": "text", "customer_key": "text"}) }}
),

final as (
    select
        list_name,
        customer_key
    from published
)

select * from final
