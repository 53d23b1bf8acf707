{{ config(materialized="ephemeral") }}

{{ published_rows("customer_types", {
    "customer_key": "text",
    "type": "text",
    "score": "numeric",
    "evidence": "jsonb",
    "rule_id": "text",
    "rule_version": "integer",
    "valid_from": "date",
    "valid_to": "date",
}) }}
