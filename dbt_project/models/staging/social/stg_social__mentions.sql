{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('mentions', 'mention_key') }}",
    indexes=[
        {"columns": ["mention_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with versions as (
    {{ latest_versions("mentions", pending=true) }}
),

final as (
    select
        _source as source,
        mention_id,
        concat(_source, '/', mention_id) as mention_key,
        lower(trim(network)) as network,
        {{ normalised_handle("trim(network)", "author_handle") }} as handle,
        created_at,
        {{ business_date("created_at") }} as created_on,
        {{ normalised_text("text") }} as words,
        lower(language) as language,
        case
            when nullif(trim(reply_to_id), '') is not null
                then concat(_source, '/', trim(reply_to_id))
        end as reply_to_key,
        by_brand,
        rating,
        likes,
        reposts,
        _load_id as load_id,
        {{ changed_in_run() }}
    from versions
    where created_at < {{ end_of_as_of_date() }}
        and coalesce(deleted_at >= {{ end_of_as_of_date() }}, true)
)

select * from final
