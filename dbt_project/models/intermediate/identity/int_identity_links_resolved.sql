{{ config(
    materialized="table",
    post_hook="analyze {{ this }}",
    indexes=[{"columns": ["identity_key"], "unique": true}],
) }}

{#- In a build anew all links are made at once, in int_identity_links. #}
select *
from ({{ identity_links_resolved() }}) as links
where {{ "false" if is_anew() else "true" }}
