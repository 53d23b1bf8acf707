{{ config(
    materialized="incremental",
    incremental_strategy="append",
    meta={"is_log": true},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["changed_in_run"]}, {"columns": ["customer_key"]}],
) }}

{%- if is_anew() %}

-- Everything is computed anew: there is nothing to log.
select
    cast(null as {{ text_type() }}) as customer_key,
    cast(null as date) as first_purchase_on_before,
    cast(null as {{ text_type() }}) as party_before,
    {{ changed_in_run() }}
from {{ ref("int_orders_valued") }}
where false
{%- else %}

with days_changed as (
    select * from {{ ref("int_customer_days_changed") }}
),

links_changed as (
    select * from {{ ref("int_identity_changes") }}
    where {{ logged_since_state() }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

-- As the last build left them.
summed_before as (
    select * from {{ source("state", "int_customers_summed") }}
),

profiled_before as (
    select * from {{ source("state", "int_customers_profiled") }}
),

customers as (
    select customer_key from days_changed
    union distinct
    select customer_key_before as customer_key from links_changed
    union distinct
    select customer_key_after as customer_key from links_changed
    union distinct
    select links.customer_key
    from ({{ pending_rows("customers") }}) as pending
    inner join links on {{ account_key("pending._source", "pending._key") }} = links.identity_key
),

-- A run that is tried again has noted before what its first try then replaced.
logged as (
    select * from {{ this }}
    where {{ logged_now() }}
),

final as (
    select
        customers.customer_key,
        summed_before.first_purchase_on as first_purchase_on_before,
        profiled_before.party as party_before,
        {{ changed_in_run() }}
    from customers
    left join summed_before on customers.customer_key = summed_before.customer_key
    left join profiled_before on customers.customer_key = profiled_before.customer_key
    left join logged on customers.customer_key = logged.customer_key
    where customers.customer_key is not null and logged.customer_key is null
)

select * from final
{%- endif %}
