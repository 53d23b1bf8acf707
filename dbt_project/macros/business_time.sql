{# Time of service: elapsed minutes between instants, and how many of them lay in opening hours. #}

{# The instant at which a wall clock of the business time zone shows a time on a day. The zone's own
   history of daylight saving decides: a day of 23 or 25 hours is one. #}
{% macro instant_at(day, time_of_day) -%}
    {{ return(adapter.dispatch("instant_at")(day, time_of_day)) }}
{%- endmacro %}

{% macro default__instant_at(day, time_of_day) -%}
    (
        ({{ day }} + cast({{ time_of_day }} as interval))
        at time zone '{{ var("business_timezone") }}'
    )
{%- endmacro %}

{% macro spark__instant_at(day, time_of_day) -%}
    to_utc_timestamp(
        timestampadd(
            second,
            split({{ time_of_day }}, ':')[0] * 3600 + split({{ time_of_day }}, ':')[1] * 60,
            cast({{ day }} as timestamp)
        ),
        '{{ var("business_timezone") }}'
    )
{%- endmacro %}

{# Minutes that pass from one instant to a later one, with their fraction. #}
{% macro minutes_between(first_instant, last_instant) -%}
    {{ return(adapter.dispatch("minutes_between")(first_instant, last_instant)) }}
{%- endmacro %}

{% macro default__minutes_between(first_instant, last_instant) -%}
    (cast(extract(epoch from {{ last_instant }} - {{ first_instant }}) as {{ dbt.type_float() }}) / 60)
{%- endmacro %}

{% macro spark__minutes_between(first_instant, last_instant) -%}
    (timestampdiff(second, {{ first_instant }}, {{ last_instant }}) / 60)
{%- endmacro %}

{# The value that a share of a group's values do not pass, to a tenth. #}
{% macro quantile(share, value) -%}
    round(
        cast(percentile_cont({{ share }}) within group (order by {{ value }} asc) as numeric), 1
    )
{%- endmacro %}

{# Minutes of a span that have passed by an instant: none before it, all of them after it. #}
{% macro minutes_passed(instant, starts_at, ends_at) -%}
    coalesce(
        {{ minutes_between(
            starts_at,
            "greatest(least(" ~ instant ~ ", " ~ ends_at ~ "), " ~ starts_at ~ ")"
        ) }},
        0
    )
{%- endmacro %}

{# Tickets that are timed again: all of them when everything is computed anew. #}
{% macro is_ticket_retimed() -%}
    {%- if is_anew() -%}
    true
    {%- else -%}
    ticket_key in (select retimed.ticket_key from {{ ref("int_tickets_retimed") }} as retimed)
    {%- endif -%}
{%- endmacro %}

{% macro take_out_tickets_retimed() -%}
    {{ take_out() if is_anew() else take_out(is_ticket_retimed()) }}
{%- endmacro %}
