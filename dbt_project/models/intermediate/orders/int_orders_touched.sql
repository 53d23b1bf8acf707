-- Orders that a build that goes on computes again: those of which a row, a rate, a refund or a link
-- has changed, and those of which only a parcel has. Empty when everything is computed anew.
{%- if is_anew() %}
select
    order_key,
    cast(null as boolean) as is_revalued
from {{ ref("stg_shop__orders") }}
where false
{%- else %}
with orders as (
    select * from {{ ref("stg_shop__orders") }}
),

refunds as (
    select * from {{ ref("stg_shop__refunds") }}
),

rates as (
    select * from {{ ref("stg_shop__exchange_rates") }}
),

relinked as (
    select distinct identity_key
    from {{ ref("int_identity_changes") }}
    where {{ logged_since_state() }}
),

-- Whatever any version of a pending row says: an order that a refund names no more has changed too.
{%- for entity in ["refunds", "shipments"] %}
pending_{{ entity }} as (
    {{ pending_rows(entity) }}
),

orders_of_{{ entity }} as (
    select distinct concat(versions._source, '/', versions.order_id) as order_key
    from {{ source("raw", entity) }} as versions
    inner join pending_{{ entity }} as pending
        on versions._source = pending._source and versions._key = pending._key
),
{% endfor %}
pending_rates as (
    {{ pending_rows("exchange_rates") }}
),

-- A rate that came, went or was corrected holds until the next one.
rates_changed as (
    select
        {{ iso_currency("versions.currency") }} as currency,
        versions.rate_date as valid_from,
        min(rates.rate_date) as valid_to
    from {{ source("raw", "exchange_rates") }} as versions
    inner join pending_rates as pending
        on versions._source = pending._source and versions._key = pending._key
    left join rates
        on
            {{ iso_currency("versions.currency") }} = rates.currency
            and versions.rate_date < rates.rate_date
    where versions.rate_date is not null
    group by {{ iso_currency("versions.currency") }}, versions.rate_date
),

pending_orders as (
    {{ pending_rows("orders") }}
),

changed as (
    select
        record_key as order_key,
        true as is_revalued
    from pending_orders

    union all

    select
        order_key,
        true as is_revalued
    from orders_of_refunds

    union all

    -- Nothing of an order's worth depends on its parcels; what is published of it does.
    select
        order_key,
        false as is_revalued
    from orders_of_shipments

    {%- for rows, day in [("orders", "ordered_on"), ("refunds", "completed_on")] %}

    union all

    select
        {{ rows }}.order_key,
        true as is_revalued
    from {{ rows }}
    inner join rates_changed
        on
            {{ rows }}.currency = rates_changed.currency
            and {{ rows }}.{{ day }} >= rates_changed.valid_from
            and ({{ rows }}.{{ day }} < rates_changed.valid_to or rates_changed.valid_to is null)
    {%- endfor %}

    union all

    select
        orders.order_key,
        true as is_revalued
    from orders
    inner join relinked on orders.account_key = relinked.identity_key

    {%- for kind in ["email", "phone"] %}

    union all

    select
        orders.order_key,
        true as is_revalued
    from orders
    inner join relinked
        on
            relinked.identity_key like '{{ kind }}:%'
            and orders.{{ kind }} = substr(relinked.identity_key, {{ kind | length + 2 }})
    {%- endfor %}
),

final as (
    select
        order_key,
        bool_or(is_revalued) as is_revalued
    from changed
    group by order_key
)

select * from final
{%- endif %}
