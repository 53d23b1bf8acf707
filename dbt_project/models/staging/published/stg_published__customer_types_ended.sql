{{ config(materialized="ephemeral") }}

with published as (
    {{ published_rows("customer_types", {
        "customer_key": "text",
        "type": "text",
        "score": "numeric",
        "evidence": "jsonb",
        "rule_id": "text",
        "rule_version": "integer",
        "valid_from": "date",
        "valid_to": "date",
        "observed_as": "text",
    }) }}
),

final as (
    select
        customer_key,
        type,
        score,
        evidence,
        rule_id,
        rule_version,
        valid_from,
        valid_to,
        coalesce(observed_as, customer_key) as observed_as
    from published
    where valid_to is not null
)

select * from final
