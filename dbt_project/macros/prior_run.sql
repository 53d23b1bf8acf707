{# Rows of a mart as run `prior_run_id` published it, or none: before the first publication there is
   no such run, and its table may not even exist. `columns` maps each column to its type. #}
{% macro published_rows(mart, columns) -%}
    {%- set published = none -%}
    {%- if execute and var("prior_run_id") | int > 0 -%}
        {%- set table = source("published", mart) -%}
        {%- set published = adapter.get_relation(
            database=table.database, schema=table.schema, identifier=table.identifier
        ) -%}
    {%- endif -%}
    select
    {%- for name, type in columns.items() %}
        {{ name if published else "cast(null as " ~ type ~ ") as " ~ name }}
        {{- "," if not loop.last }}
    {%- endfor %}
    {%- if published %}
    from {{ published }}
    where run_id = {{ var("prior_run_id") | int }}
    {%- else %}
    where false
    {%- endif %}
{%- endmacro %}
