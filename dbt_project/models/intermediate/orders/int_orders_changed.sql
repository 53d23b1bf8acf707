{{ config(
    materialized="incremental",
    incremental_strategy="append",
    meta={"is_log": true},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["changed_in_run"]}, {"columns": ["order_key"]}],
) }}

{%- if is_anew() %}

-- Everything is computed anew: there is nothing to log.
select
    cast(null as {{ text_type() }}) as order_key,
    cast(null as {{ text_type() }}) as customer_key_before,
    cast(array[] as date[]) as days_before,
    cast(null as boolean) as is_revalued,
    {{ changed_in_run() }}
from {{ ref("int_orders_touched") }}
where false
{%- else %}

with touched as (
    select * from {{ ref("int_orders_touched") }}
),

-- As the last build left them: the customer and the days an order had before it gets others.
valued_before as (
    select
        order_key,
        customer_key,
        ordered_on
    from {{ source("state", "int_orders_valued") }}
),

refunds_before as (
    select
        order_key,
        completed_on
    from {{ source("state", "int_refunds_valued") }}
    where exclusion is null
),

refunded_before as (
    select
        touched.order_key,
        array_agg(distinct refunds_before.completed_on) as days
    from touched
    inner join refunds_before on touched.order_key = refunds_before.order_key
    group by touched.order_key
),

noted as (
    select
        touched.order_key,
        valued_before.customer_key as customer_key_before,
        array_remove(array_append(refunded_before.days, valued_before.ordered_on), null)
            as days_before,
        touched.is_revalued
    from touched
    left join valued_before on touched.order_key = valued_before.order_key
    left join refunded_before on touched.order_key = refunded_before.order_key
),

-- A run that is tried again has noted before what its first try then replaced, and notes what that
-- try has left.
logged as (
    select * from {{ this }}
    where {{ logged_now() }}
),

final as (
    select
        noted.*,
        {{ changed_in_run() }}
    from noted
    left join logged
        on
            noted.order_key = logged.order_key
            and noted.is_revalued = logged.is_revalued
            and noted.customer_key_before is not distinct from logged.customer_key_before
            and noted.days_before = logged.days_before
    where logged.order_key is null
)

select * from final
{%- endif %}
