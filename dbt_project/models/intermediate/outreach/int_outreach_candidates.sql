{#- Where a channel reaches somebody. -#}
{%- set addresses = {"sms": "phone", "call": "phone", "email": "email"} -%}

with types as (
    select * from {{ ref("int_customer_types_detected") }}
    where type = 'at_risk'
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

-- The first configured channel with both an address and consent is used.
reached as (
    select
        types.type as list_name,
        types.customer_key,
        types.score,
        customers.value_at_stake,
        customers.days_since_last_purchase,
        customers.own_gap_days,
        customers.purchase_days,
        profiles.full_name,
        profiles.is_employee,
        profiles.is_erased,
        case
            {%- for channel in var("outreach_channels") %}
            when profiles.{{ addresses.get(channel, channel) }} is not null
                and profiles.has_{{ channel }}_consent
                then '{{ channel }}'
            {%- endfor %}
        end as channel,
        case
            {%- for channel in var("outreach_channels") %}
            when profiles.{{ addresses.get(channel, channel) }} is not null
                and profiles.has_{{ channel }}_consent
                then profiles.{{ addresses.get(channel, channel) }}
            {%- endfor %}
        end as address,
        coalesce(
            {%- for channel in var("outreach_channels") %}
            profiles.{{ addresses.get(channel, channel) }}{{ "," if not loop.last }}
            {%- endfor %}
        ) is not null as has_address
    from types
    inner join customers on types.customer_key = customers.customer_key
    inner join profiles on types.customer_key = profiles.customer_key
),

-- One cause each, the weightiest first: an erased employee without an address counts as erased.
final as (
    select
        *,
        case
            when is_erased then 'erased'
            when is_employee then 'internal'
            when not has_address then 'no_address'
            when channel is null then 'no_consent'
        end as omitted_because
    from reached
)

select * from final
