{{ config(
    materialized="table",
    post_hook="analyze {{ this }}",
    indexes=[{"columns": ["identity_key"], "unique": true}],
) }}

{#- In a build anew all links are made at once, in int_identity_links. #}
select
    identity_key,
    key_kind,
    customer_key,
    rule_id,
    rule_version,
    first_seen_on
from ({{ identity_links_resolved() }}) as links
where {{ "false" if is_anew() else "true" }}
