{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('ticket_events', 'event_key') }}",
    indexes=[
        {"columns": ["event_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
        {"columns": ["ticket_key"]},
    ],
) }}

with versions as (
    {{ latest_versions("ticket_events", by_change=false, pending=true) }}
),

statuses as (
    select * from {{ ref("ticket_statuses") }}
),

final as (
    select
        versions._source as source,
        versions.event_id,
        concat(versions._source, '/', versions.event_id) as event_key,
        concat(versions._source, '/', versions.ticket_id) as ticket_key,
        versions.occurred_at,
        versions.kind,
        versions.author_role,
        versions.is_public,
        case
            when versions.kind = 'status' then coalesce(statuses.status, 'unknown')
        end as to_status,
        versions._load_id as load_id,
        {{ changed_in_run() }}
    from versions
    left join statuses on lower(trim(versions.to_status)) = statuses.source_status
    where versions.occurred_at < {{ end_of_as_of_date() }}
)

select * from final
