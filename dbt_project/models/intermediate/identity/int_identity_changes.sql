{{ config(
    materialized="incremental",
    incremental_strategy="append",
    meta={"is_log": true},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["changed_in_run"]}],
) }}

-- depends_on: {{ ref("int_identity_touched") }}
with resolved as (
    select * from {{ ref("int_identity_links_resolved") }}
),

earlier as (
    {% if is_anew() %}
    select *
    from resolved
    where false
    {% else %}
    select
        identity_key,
        customer_key,
        first_seen_on
    from {{ source("state", "int_identity_links") }}
    where identity_key in (select keys.identity_key from {{ ref("int_identity_touched") }} as keys)
    {% endif %}
),

final as (
    select
        coalesce(earlier.identity_key, resolved.identity_key) as identity_key,
        earlier.customer_key as customer_key_before,
        resolved.customer_key as customer_key_after,
        {{ changed_in_run() }}
    from earlier
    full join resolved on earlier.identity_key = resolved.identity_key
    where (earlier.customer_key = resolved.customer_key) is not true
        or (earlier.first_seen_on = resolved.first_seen_on) is not true
)

select * from final
