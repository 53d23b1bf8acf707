{{ config(materialized="ephemeral") }}

{{ published_rows("customers", {
    "customer_key": "text",
    "party": "text",
    "side": "text",
    "relation": "text",
    "phase": "text",
    "segment": "text",
    "ladder_step": "text",
    "primary_type": "text",
    "loyalty_tier": "text",
    "types": "text[]",
    "satisfaction": "text",
    "orders": "integer",
    "purchase_days": "integer",
    "net_revenue": "numeric",
    "recommends": "boolean",
}) }}
