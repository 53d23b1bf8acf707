{{ config(materialized="table") }}

with versions as (
    {{ latest_versions("orders") }}
),

statuses as (
    select * from {{ ref("order_statuses") }}
),

cleaned as (
    select
        *,
        lower(trim(status)) as source_status,
        {{ dialled("guest_phone") }} as dialled_phone
    from versions
    where ordered_at < {{ end_of_as_of_date() }}
),

final as (
    select
        cleaned._source as source,
        cleaned.order_id,
        concat(cleaned._source, '/', cleaned.order_id) as order_key,
        {{ account_key("cleaned._source", "cleaned.customer_id") }} as account_key,
        {{ normalised_email("cleaned.guest_email") }} as email,
        {{ international_phone("cleaned.dialled_phone") }} as phone,
        cleaned.ordered_at,
        {{ business_date("cleaned.ordered_at") }} as ordered_on,
        cleaned.source_status,
        coalesce(statuses.status, 'unknown') as status,
        lower(trim(cleaned.direction)) as direction,
        {{ iso_currency("cleaned.currency") }} as currency,
        {{ iso_amount("cleaned.gross_amount", "cleaned.currency") }} as gross_amount,
        {{ iso_amount("cleaned.discount_amount", "cleaned.currency") }} as discount_amount,
        {{ iso_amount("cleaned.total_amount", "cleaned.currency") }} as total_amount,
        cleaned.channel,
        nullif(trim(cleaned.campaign), '') as campaign,
        {{ account_key("cleaned._source", "cleaned.seller_customer_id") }} as seller_account_key,
        cleaned._load_id as load_id
    from cleaned
    left join statuses on cleaned.source_status = statuses.source_status
)

select * from final
