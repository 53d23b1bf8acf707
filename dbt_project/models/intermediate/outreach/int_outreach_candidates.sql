{#- Where a channel reaches somebody. -#}
{%- set addresses = {"sms": "phone", "call": "phone", "email": "email"} -%}

with reasoned as (
    {%- for list in [
        "int_at_risk_reasoned", "int_dissatisfied_reasoned", "int_lapsed_reasoned",
        "int_deliveries_followed_up", "int_newcomers_welcomed", "int_rewards_due",
        "int_seasonal_purchases_due", "int_advocates_thanked", "int_visits_followed_up",
    ] %}
    select
        list_name,
        customer_key,
        score,
        urgency,
        reasons_fa,
        reasons_en,
        order_key,
        referrer_key
    from {{ ref(list) }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

customers as (
    select * from {{ ref("int_customers_measured") }}
),

scores as (
    select * from {{ ref("int_customers_scored") }}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

last_contacts as (
    select
        customer_key,
        max(sent_on) as last_contact_on
    from {{ ref("int_contacts_attributed") }}
    where customer_key is not null
    group by customer_key
),

-- The first configured channel with both an address and consent is used.
reached as (
    select
        reasoned.*,
        coalesce(scores.value_at_stake, customers.value_at_stake) as value_at_stake,
        profiles.full_name,
        profiles.is_employee,
        profiles.is_erased,
        {{ hashed_share("reasoned.customer_key") }} < {{ var("holdout_share") }} as is_held_out,
        last_contacts.last_contact_on,
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
    from reasoned
    inner join customers on reasoned.customer_key = customers.customer_key
    inner join profiles on reasoned.customer_key = profiles.customer_key
    left join scores on reasoned.customer_key = scores.customer_key
    left join last_contacts on reasoned.customer_key = last_contacts.customer_key
),

-- One cause each, the weightiest first: an erased employee without an address counts as erased.
-- The holdout comes after all that would keep anybody off the list, so that those held out and
-- those listed differ by chance alone; a recent contact is passing, and counts last.
final as (
    select
        *,
        case
            when is_erased then 'erased'
            when is_employee then 'internal'
            when not has_address then 'no_address'
            when channel is null then 'no_consent'
            when is_held_out then 'holdout'
            when
                {{ days_between("last_contact_on", as_of_date()) }} <= {{ var("contact_gap_days") }}
                then 'contacted_lately'
        end as omitted_because
    from reached
)

select * from final
