{# Time is an argument: everything is as of the end of the business day `as_of_date`. #}

{% macro as_of_date() -%}
    cast('{{ var("as_of_date") }}' as date)
{%- endmacro %}

{# First instant after the business day `as_of_date`, in the business time zone. #}
{% macro end_of_as_of_date() -%}
    {{ return(adapter.dispatch("start_of_business_day")(days_after(as_of_date(), 1))) }}
{%- endmacro %}

{% macro default__start_of_business_day(day) -%}
    (cast({{ day }} as timestamp) at time zone '{{ var("business_timezone") }}')
{%- endmacro %}

{% macro spark__start_of_business_day(day) -%}
    to_utc_timestamp(cast({{ day }} as timestamp), '{{ var("business_timezone") }}')
{%- endmacro %}

{# The business day on which an instant falls. #}
{% macro business_date(instant) -%}
    {{ return(adapter.dispatch("business_date")(instant)) }}
{%- endmacro %}

{% macro default__business_date(instant) -%}
    cast({{ instant }} at time zone '{{ var("business_timezone") }}' as date)
{%- endmacro %}

{% macro spark__business_date(instant) -%}
    to_date(from_utc_timestamp({{ instant }}, '{{ var("business_timezone") }}'))
{%- endmacro %}

{# Whole days from one date to a later one. #}
{% macro days_between(first_day, last_day) -%}
    {{ dbt.datediff(first_day, last_day, "day") }}
{%- endmacro %}

{# The date a whole number of days after another. #}
{% macro days_after(day, days) -%}
    {{ return(adapter.dispatch("days_after")(day, days)) }}
{%- endmacro %}

{% macro default__days_after(day, days) -%}
    ({{ day }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro spark__days_after(day, days) -%}
    date_add({{ day }}, cast({{ days }} as integer))
{%- endmacro %}
