{# What the rules about visits share: the window of intent, and the words that show one. #}

{# Whether a day lies in the last `intent_window_days`, the run's own day included. #}
{% macro in_intent_window(day) -%}
    {{ day }} > {{ days_after(as_of_date(), "-" ~ var("intent_window_days")) }}
{%- endmacro %}

{# Whether a day lies in the window of the same length just before. #}
{% macro in_window_before(day) -%}
    ({{ day }} > {{ days_after(as_of_date(), "-" ~ 2 * var("intent_window_days")) }}
    and not {{ in_intent_window(day) }})
{%- endmacro %}

{# Whether normalised words hold a term of a list, each from the start of a word. #}
{% macro holds_any(words, terms) -%}
    coalesce({{ has_match(words, "' (" ~ terms | join("|") ~ ")'") }}, false)
{%- endmacro %}

{# A label's score: within 0 and 1, to four digits. #}
{% macro label_score(score) -%}
    round(cast(least(greatest({{ score }}, 0), 1) as numeric), 4)
{%- endmacro %}

{# Strength of a count: a half at the rule's threshold, one at twice as many. #}
{% macro strength(count, threshold) -%}
    ({{ count }} / (2.0 * {{ threshold }}))
{%- endmacro %}

{# The latest visits that speak for a label, as evidence: customers of `labelled` only, and at most
   `evidence_rows` each, so that a robot's thousand visits stay one line. #}
{% macro visits_of(labelled, condition) -%}
    select
        customer_key,
        {{ json_array("session_key", "started_at asc, session_key asc") }} as visits
    from (
        select
            sessions.customer_key,
            sessions.session_key,
            sessions.started_at,
            row_number() over (
                partition by sessions.customer_key
                order by sessions.started_at desc, sessions.session_key asc
            ) as nth
        from {{ ref("int_web_sessions_summarized") }} as sessions
        inner join {{ labelled }} on sessions.customer_key = {{ labelled }}.customer_key
        where {{ in_intent_window("sessions.started_on") }} and {{ condition }}
    ) as latest
    where nth <= {{ var("evidence_rows") }}
    group by customer_key
{%- endmacro %}

{# Whether a value is one of the words of a list. #}
{% macro is_one_of(value, words) -%}
    {{ value }} in ({% for word in words %}'{{ word }}'{{ ", " if not loop.last }}{% endfor %})
{%- endmacro %}
