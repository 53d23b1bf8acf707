{{ config(materialized="ephemeral") }}

{{ published_rows("customers", {
    "customer_key": "text",
    "phase": "text",
    "segment": "text",
    "ladder_step": "text",
    "relation": "text",
}) }}
