{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('web_events', 'event_key') }}",
    indexes=[
        {"columns": ["event_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
        {"columns": ["occurred_on"]},
    ],
) }}

with versions as (
    {{ latest_versions("web_events", by_change=false, pending=true) }}
),

final as (
    select
        _source as source,
        event_id,
        concat(_source, '/', event_id) as event_key,
        concat('visitor:', _source, '/', visitor_id) as visitor_key,
        {{ account_key("_source", "customer_id") }} as account_key,
        concat(_source, '/', session_id) as session_key,
        occurred_at,
        {{ business_date("occurred_at") }} as occurred_on,
        lower(trim(kind)) as kind,
        product_id,
        nullif(trim(category), '') as category,
        {{ normalised_text("query") }} as query_words,
        nullif(trim(campaign), '') as campaign,
        _load_id as load_id,
        {{ changed_in_run() }}
    from versions
    where occurred_at < {{ end_of_as_of_date() }}
)

select * from final
