{# Keys that say too little to tie people together: they are followed by nobody. #}
{{ config(materialized="view") }}

with crowded_keys as (
    select * from {{ ref("int_identity_crowded_keys") }}
),

disputed_phones as (
    select * from {{ ref("int_identity_disputed_phones") }}
),

final as (
    select
        identity_key,
        key_kind,
        cause,
        accounts,
        names,
        records,
        changed_in_run
    from crowded_keys

    union all

    select
        identity_key,
        key_kind,
        cause,
        accounts,
        names,
        records,
        changed_in_run
    from disputed_phones
)

select * from final
