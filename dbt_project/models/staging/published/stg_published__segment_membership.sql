{{ config(materialized="ephemeral") }}

{{ published_rows("segment_membership", {
    "customer_key": "text",
    "axis": "text",
    "value": "text",
    "joined_on": "date",
    "left_on": "date",
    "joined_because": "text",
    "left_because": "text",
    "observed_as": "text",
}) }}
