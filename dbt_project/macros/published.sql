{# What the prior run published, and how a mart with a history takes it up.

   A mart whose rows stay as they are from night to night has a history beside its partition (see
   docs/published.md, "The line"): `<mart>_history` holds all rows of the keys that
   `<mart>_history_scope` names, and publication replaces those keys' rows and no others. #}

{# Position of run `prior_run_id` on the line; none beside it, or without a prior run. #}
{% macro prior_position() -%}
    {%- if not execute or var("prior_run_id") | int == 0 -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set found = run_query(
        "select line_position from " ~ source("ops", "runs")
        ~ " where run_id = " ~ var("prior_run_id") | int
    ) -%}
    {{ return(found.columns[0].values()[0] if found.rows | length else none) }}
{%- endmacro %}

{# Names of the columns of a table of the store; none while it has not been made. Asked of the catalogue
   and not of dbt's cache, which threads fill bit by bit: one that came too early would take a table
   for missing, and with it what has been published. #}
{% macro stored_columns(table) -%}
    {%- set found = run_query(
        "select column_name from information_schema.columns"
        ~ " where table_schema = '" ~ source("published", "customers").schema ~ "'"
        ~ " and table_name = '" ~ table ~ "'"
    ) -%}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}

{# Rows of a mart as run `prior_run_id` published it, from its partition and its history, or none:
   before the first publication there is no such run, and no such table. `columns` maps each column to
   its type; one that an older release did not publish is null. #}
{% macro published_rows(mart, columns, with_history=true) -%}
    {%- set parts = [] -%}
    {%- if execute and var("prior_run_id") | int > 0 -%}
        {%- do parts.append((mart, "run_id = " ~ var("prior_run_id") | int)) -%}
        {%- set position = prior_position() if with_history else none -%}
        {%- if position is not none -%}
            {%- do parts.append((
                mart ~ "_history",
                "from_position <= " ~ position ~ " and to_position > " ~ position,
            )) -%}
        {%- endif -%}
    {%- endif -%}
    {%- set selected = [] -%}
    {%- for table, condition in parts -%}
        {%- set there = stored_columns(table) -%}
        {%- if there -%}
            {%- do selected.append((table, condition, there)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for table, condition, there in selected %}
    select
    {%- for name, type in columns.items() %}
        {{ name if name | replace('"', "") in there else "cast(null as " ~ type ~ ") as " ~ name }}
        {{- "," if not loop.last }}
    {%- endfor %}
    from {{ source("published", "customers").include(identifier=false) }}.{{ table }}
    where {{ condition }}
    {%- if not loop.last %}

    union all
    {% endif %}
    {%- else %}
    select
    {%- for name, type in columns.items() %}
        cast(null as {{ type }}) as {{ name }}{{ "," if not loop.last }}
    {%- endfor %}
    where false
    {%- endfor %}
{%- endmacro %}

{# Whether the prior run has a history of a mart, so that a change can be laid upon it. #}
{% macro has_prior_history(mart) -%}
    {%- if not execute or var("prior_run_id") | int == 0 -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set found = run_query(
        "select 1 from " ~ source("ops", "runs") ~ " as runs"
        ~ " inner join " ~ source("ops", "line_marts") ~ " as marts"
        ~ " on runs.line_position >= marts.founded_at"
        ~ " where runs.run_id = " ~ var("prior_run_id") | int ~ " and marts.mart = '" ~ mart ~ "'"
    ) -%}
    {{ return(found.rows | length > 0) }}
{%- endmacro %}

{# Whether the history of a mart is written from the beginning: there is nothing on the line that a
   change could be laid upon, or nobody knows what has changed since. The scope is everything then,
   which its table says by one row without a key. #}
{% macro starts_anew(mart) -%}
    {{ return(
        not execute
        or everything_changed()
        or not var("on_line")
        or not has_prior_history(mart)
    ) }}
{%- endmacro %}

{# The scope of a mart's history: the keys of the CTE `scope`, or the one row that stands for all. #}
{% macro history_scope(mart, key) -%}
    {%- set anew = starts_anew(mart) if execute else true -%}
    select
        {{ run_columns() }},
        {{ key }}
    from scope
    where not {{ anew | lower }}

    union all

    select
        {{ run_columns() }},
        cast(null as {{ text_type() }}) as {{ key }}
    where {{ anew | lower }}
{%- endmacro %}

{# What a mart with a history has in its partition: nothing on the line, everything beside it. #}
{% macro only_on_side_runs(model) -%}
    select * from {{ ref(model) }}
    where {{ "false" if var("on_line") else "true" }}
{%- endmacro %}

{# A period goes with the person. It belongs to the customer it was observed of, where there is one
   (again) by that key; else to the customer it was given to last; else to the one who has that
   customer's keys now; and to nobody when the person is no more. Joins CTEs customers and followed. #}
{% macro person_now() -%}
    coalesce(observed.customer_key, given.customer_key, followed.customer_key)
{%- endmacro %}

{% macro join_person_now(periods) -%}
    left join customers as observed on {{ periods }}.observed_as = observed.customer_key
    left join customers as given on {{ periods }}.customer_key = given.customer_key
    left join followed on {{ periods }}.customer_key = followed.former_key
{%- endmacro %}
