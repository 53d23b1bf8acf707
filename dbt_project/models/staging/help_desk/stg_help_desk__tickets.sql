{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('tickets', 'ticket_key') }}",
    indexes=[
        {"columns": ["ticket_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with versions as (
    {{ latest_versions("tickets", pending=true) }}
),

statuses as (
    select * from {{ ref("ticket_statuses") }}
),

cleaned as (
    select
        *,
        lower(trim(status)) as source_status,
        {{ dialled("requester_phone") }} as dialled_phone
    from versions
    where created_at < {{ end_of_as_of_date() }}
),

final as (
    select
        cleaned._source as source,
        cleaned.ticket_id,
        concat(cleaned._source, '/', cleaned.ticket_id) as ticket_key,
        {{ account_key(
            "'" ~ var("ticket_accounts_from") ~ "'" if var("ticket_accounts_from")
            else "cleaned._source",
            "cleaned.customer_id"
        ) }} as account_key,
        {{ normalised_email("cleaned.requester_email") }} as email,
        {{ international_phone("cleaned.dialled_phone") }} as phone,
        cleaned.order_id,
        cleaned.created_at,
        {{ business_date("cleaned.created_at") }} as created_on,
        cleaned.updated_at,
        lower(trim(cleaned.channel)) as channel,
        cleaned.source_status,
        coalesce(statuses.status, 'unknown') as status,
        lower(trim(cleaned.priority)) as priority,
        {{ normalised_text(
            "concat(cleaned.subject, ' ', cleaned.body, ' ', "
            ~ array_to_text("cleaned.tags") ~ ", ' ', cleaned.satisfaction_comment)"
        ) }} as words,
        cleaned.satisfaction_score,
        cleaned._load_id as load_id,
        {{ changed_in_run() }}
    from cleaned
    left join statuses on cleaned.source_status = statuses.source_status
)

select * from final
