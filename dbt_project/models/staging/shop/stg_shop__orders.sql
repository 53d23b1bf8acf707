{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('orders', 'order_key') }}",
    indexes=[
        {"columns": ["order_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
        {"columns": ["account_key"]},
        {"columns": ["email"]},
        {"columns": ["phone"]},
    ],
) }}

with versions as (
    {{ latest_versions("orders", pending=true) }}
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
        {{ iso_amount("cleaned.shipping_amount", "cleaned.currency") }} as shipping_amount,
        {{ iso_amount("cleaned.tax_amount", "cleaned.currency") }} as tax_amount,
        {{ iso_amount("cleaned.total_amount", "cleaned.currency") }} as total_amount,
        cleaned.coupon_codes,
        cleaned.channel,
        nullif(trim(cleaned.campaign), '') as campaign,
        nullif(trim(cleaned.referral_code), '') as referral_code,
        case
            when nullif(trim(cleaned.session_id), '') is not null
                then concat(cleaned._source, '/', trim(cleaned.session_id))
        end as session_key,
        {{ account_key("cleaned._source", "cleaned.seller_customer_id") }} as seller_account_key,
        cleaned._load_id as load_id,
        {{ changed_in_run() }}
    from cleaned
    left join statuses on cleaned.source_status = statuses.source_status
)

select * from final
