{{ config(materialized="ephemeral") }}

{{ published_rows("segments_daily", {
    "day": "date",
    "axis": "text",
    "value": "text",
    "customers": "integer",
    "net_revenue": "numeric",
    "joined": "integer",
    '"left"': "integer",
    "rule_version": "text",
}) }}
