{# What a night does not compute again. `transform/state.py` decides whether a build goes on from the
   state that an earlier one left (`state_run_id`, a build that ended cleanly) or begins anew; nothing
   here asks the database, so that dbt sees the same dependencies whenever it parses. #}

{# Whether everything is computed from the beginning (dbt_project.yml sets full_refresh by the same). #}
{% macro is_anew() -%}
    {{ return(var("state_run_id") | int == 0) }}
{%- endmacro %}

{# The run that wrote a row last; of a table built anew, that is every row. Big tables index it by block
   range (brin): what a run writes stands together, and the index costs nothing to keep. #}
{% macro changed_in_run() -%}
    cast({{ var("run_id") | int }} as bigint) as changed_in_run
{%- endmacro %}

{% macro state_date() -%}
    cast('{{ var("state_date") }}' as date)
{%- endmacro %}

{# First instant after the day of the state. #}
{% macro end_of_state_date() -%}
    {{ return(adapter.dispatch("start_of_business_day")(days_after(state_date(), 1))) }}
{%- endmacro %}

{# A query for the keys (_source, _key, and record_key: both with a slash between) of an entity's rows
   that have landed, have been corrected or deleted, or have come into effect since the state. Only
   for builds that are not anew. #}
{% macro pending_rows(entity) -%}
    select _source, _key, record_key
    from {{ ref("stg_ops__rows_pending") }}
    where entity = '{{ entity }}'
{%- endmacro %}

{# The same as one column, to be compared with order_key, ticket_key ... #}
{% macro pending_keys(entity) -%}
    select record_key
    from {{ ref("stg_ops__rows_pending") }}
    where entity = '{{ entity }}'
{%- endmacro %}

{# Before an incremental table is written (a pre-hook): a build that a newer one has overtaken ends
   here, and what is about to be computed again is taken out, in the transaction that puts the new
   rows in, so that a kill leaves the old rows or the new. A build anew takes nothing out. #}
{% macro take_out() -%}
    {{ hold_state() }}
    {%- if var("state_run_id") | int > 0 -%}
    {%- for condition in varargs -%}
    ; delete from {{ this }} where {{ condition }}
    {%- endfor -%}
    {%- endif -%}
{%- endmacro %}

{% macro take_out_pending(entity, column) -%}
    {%- if var("state_run_id") | int == 0 -%}
    {{ take_out() }}
    {%- else -%}
    {{ take_out(column ~ " in (" ~ pending_keys(entity) ~ ")") }}
    {%- endif -%}
{%- endmacro %}

{% macro hold_state() -%}
    select ops.hold_state({{ var("run_id") | int }})
{%- endmacro %}

{# Condition on a change log: what the build at hand has logged; what has been logged since the state
   (by builds that did not end, too). #}
{% macro logged_now() -%}
    changed_in_run = {{ var("run_id") | int }}
{%- endmacro %}

{% macro logged_since_state() -%}
    changed_in_run > {{ var("state_run_id") | int }}
{%- endmacro %}

{# For tables by order: the condition by which a build that goes on reads again, and takes out,
   orders whose worth or customer has changed ("revalued"), or orders any row of which has ("touched":
   their parcels, too). #}
{% macro is_order_changed(only_revalued=true) -%}
    order_key in (
        select order_key
        from {{ ref("int_orders_changed") }}
        where {{ logged_now() }}{{ " and is_revalued" if only_revalued }}
    )
{%- endmacro %}

{% macro only_orders_revalued() -%}
    {%- if var("state_run_id") | int > 0 -%}where {{ is_order_changed() }}{%- endif -%}
{%- endmacro %}

{% macro only_orders_touched() -%}
    {%- if var("state_run_id") | int > 0 -%}where {{ is_order_changed(only_revalued=false) }}{%- endif -%}
{%- endmacro %}

{% macro take_out_orders_revalued() -%}
    {{ take_out() if var("state_run_id") | int == 0 else take_out(is_order_changed()) }}
{%- endmacro %}

{% macro take_out_orders_touched() -%}
    {{ take_out() if var("state_run_id") | int == 0 else take_out(is_order_changed(only_revalued=false)) }}
{%- endmacro %}

{# The same by customer: a further condition, for a model that lists those to be computed again. #}
{% macro only_in(model) -%}
    {%- if var("state_run_id") | int > 0 -%}
    and customer_key in (select scope.customer_key from {{ ref(model) }} as scope)
    {%- endif -%}
{%- endmacro %}

{# What the build at hand has computed again of tables by customer, what ties to nobody included. #}
{% macro of_customers_changed() -%}
    {%- if var("state_run_id") | int > 0 -%}
    where {{ is_customer_changed() }} or customer_key is null
    {%- endif -%}
{%- endmacro %}

{# A condition: the build at hand has logged the customer. #}
{% macro is_customer_changed(column="customer_key") -%}
    {{ column }} in (
        select customer_key from {{ ref("int_customers_changed") }} where {{ logged_now() }}
    )
{%- endmacro %}

{# The same by customer and day: rows (customer_key, day) of the days to be summed again. What ties to
   nobody has days, too. #}
{% macro of_days_changed(rows) -%}
    {%- if var("state_run_id") | int == 0 -%}
    select * from {{ rows }}
    {%- else -%}
    select {{ rows }}.*
    from {{ rows }}
    inner join {{ ref("int_customer_days_changed") }} as changed
        on {{ rows }}.customer_key = changed.customer_key and {{ rows }}.day = changed.day

    union all

    select * from {{ rows }}
    where customer_key is null
        and day in (
            select day from {{ ref("int_customer_days_changed") }}
            where customer_key is null
        )
    {%- endif -%}
{%- endmacro %}

{% macro take_out_days_changed() -%}
    {%- set changed = ref("int_customer_days_changed") -%}
    {{ take_out(
        "(customer_key, day) in (select customer_key, day from " ~ changed ~ ")",
        "customer_key is null and day in (select day from " ~ changed
        ~ " where customer_key is null)",
    ) }}
{%- endmacro %}

{# Statistics of a table that was just made (a post-hook): until autovacuum comes by, the planner would
   guess. What is only added to keeps those it has, but for the change logs (`meta.is_log`): a night's
   rows are most of theirs. materializations.sql sees to whole tables. #}
{% macro analyzed() -%}
    {%- set kind = model.config.materialized -%}
    {%- set is_log = model.config.meta.get("is_log") -%}
    {%- if kind == "seed" or (kind == "incremental" and (is_log or is_anew())) -%}
    analyze {{ this }}
    {%- endif -%}
{%- endmacro %}

{# Whether a mart must take everything as changed since the run it carries on from. #}
{% macro everything_changed() -%}
    {{ return(var("state_run_id") | int == 0 or var("changes_since_run") | int == 0) }}
{%- endmacro %}

{# A query for the orders that have changed since `changes_since_run`, or all of them. Those that are
   gone are among them, unless everything counts as changed. #}
{% macro changed_orders() -%}
    {%- if var("state_run_id") | int == 0 or var("changes_since_run") | int == 0 -%}
    select order_key from {{ ref("int_orders_valued") }}
    {%- else -%}
    select distinct order_key
    from {{ ref("int_orders_changed") }}
    where changed_in_run > {{ var("changes_since_run") | int }}
    {%- endif -%}
{%- endmacro %}

{# A query for the customers whose orders, refunds or links have changed since `changes_since_run`,
   those who have been merged away among them, or all there are. #}
{% macro changed_customers() -%}
    {%- if var("state_run_id") | int == 0 or var("changes_since_run") | int == 0 -%}
    select customer_key from {{ ref("int_customers_profiled") }}
    {%- else -%}
    select distinct customer_key
    from {{ ref("int_customers_changed") }}
    where changed_in_run > {{ var("changes_since_run") | int }}
    {%- endif -%}
{%- endmacro %}
