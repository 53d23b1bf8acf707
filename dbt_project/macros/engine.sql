{# What PostgreSQL and Spark write differently, each behind one name. #}

{# Every match of a pattern removed. #}
{% macro without_matches(text, pattern) -%}
    {{ return(adapter.dispatch("without_matches")(text, pattern)) }}
{%- endmacro %}

{% macro default__without_matches(text, pattern) -%}
    regexp_replace({{ text }}, {{ pattern }}, '', 'g')
{%- endmacro %}

{% macro spark__without_matches(text, pattern) -%}
    regexp_replace({{ text }}, {{ pattern }}, '')
{%- endmacro %}

{# Whether a text holds a match of a pattern. #}
{% macro has_match(text, pattern) -%}
    {{ return(adapter.dispatch("has_match")(text, pattern)) }}
{%- endmacro %}

{% macro default__has_match(text, pattern) -%}
    ({{ text }} ~ {{ pattern }})
{%- endmacro %}

{% macro spark__has_match(text, pattern) -%}
    ({{ text }} rlike {{ pattern }})
{%- endmacro %}

{# A JSON object of named expressions. #}
{% macro json_object(members) -%}
    {{ return(adapter.dispatch("json_object")(members)) }}
{%- endmacro %}

{% macro default__json_object(members) -%}
    jsonb_build_object(
        {%- for name, value in members.items() %}
        '{{ name }}', {{ value }}{{ "," if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{% macro spark__json_object(members) -%}
    to_json(named_struct(
        {%- for name, value in members.items() %}
        '{{ name }}', {{ value }}{{ "," if not loop.last }}
        {%- endfor %}
    ))
{%- endmacro %}

{# A text inside a JSON column, by its path of keys. #}
{% macro json_text(json, path) -%}
    {{ return(adapter.dispatch("json_text")(json, path)) }}
{%- endmacro %}

{% macro default__json_text(json, path) -%}
    ({{ json }} #>> '{{ "{" ~ path | join(",") ~ "}" }}')
{%- endmacro %}

{% macro spark__json_text(json, path) -%}
    get_json_object({{ json }}, '$.{{ path | join(".") }}')
{%- endmacro %}

{# One row for each element of an array column, joined laterally. #}
{% macro unnested(array, alias, column) -%}
    {{ return(adapter.dispatch("unnested")(array, alias, column)) }}
{%- endmacro %}

{% macro default__unnested(array, alias, column) -%}
    cross join lateral unnest({{ array }}) as {{ alias }} ({{ column }})
{%- endmacro %}

{% macro spark__unnested(array, alias, column) -%}
    lateral view explode({{ array }}) {{ alias }} as {{ column }}
{%- endmacro %}

{% macro array_to_text(array) -%}
    {{ return(adapter.dispatch("array_to_text")(array)) }}
{%- endmacro %}

{% macro default__array_to_text(array) -%}
    array_to_string({{ array }}, ' ')
{%- endmacro %}

{% macro spark__array_to_text(array) -%}
    array_join({{ array }}, ' ')
{%- endmacro %}

{% macro text_type() -%}
    {{ return(adapter.dispatch("text_type")()) }}
{%- endmacro %}

{% macro default__text_type() -%}text{%- endmacro %}

{% macro spark__text_type() -%}string{%- endmacro %}

{# A JSON array of a group's values, in a stated order. #}
{% macro json_array(value, order_by) -%}
    {{ return(adapter.dispatch("json_array")(value, order_by)) }}
{%- endmacro %}

{% macro default__json_array(value, order_by) -%}
    jsonb_agg({{ value }} order by {{ order_by }})
{%- endmacro %}

{% macro spark__json_array(value, order_by) -%}
    to_json(array_sort(collect_list({{ value }})))
{%- endmacro %}

{% macro instant_type() -%}
    {{ return(adapter.dispatch("instant_type")()) }}
{%- endmacro %}

{% macro default__instant_type() -%}timestamptz{%- endmacro %}

{% macro spark__instant_type() -%}timestamp{%- endmacro %}

{# Of each source the load that brought most of an entity, where it brought much. Not beside
   `latest_versions`: sqlfluff takes what `return` gives for the text of a caller in the same file. #}
{% macro big_loads(entity) -%}
    {%- if not execute -%}
        {{ return([]) }}
    {%- endif -%}
    {%- set found = run_query(
        "select distinct on (source) load_id from ops.loads"
        ~ " where entity = '" ~ entity ~ "' and status = 'landed' and landed_rows >= 100000"
        ~ " order by source, landed_rows desc"
    ) -%}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}

{# After `as` of a CTE: its rows are computed once and kept, not put into each place that uses them. #}
{% macro computed_once() -%}
    {{ return(adapter.dispatch("computed_once")()) }}
{%- endmacro %}

{% macro default__computed_once() -%}
    materialized
{%- endmacro %}

{% macro spark__computed_once() -%}
{%- endmacro %}

{# After `as` of a CTE: each place that uses it reads only the rows it needs, by an index if need be. #}
{% macro computed_where_used() -%}
    {{ return(adapter.dispatch("computed_where_used")()) }}
{%- endmacro %}

{% macro default__computed_where_used() -%}
    not materialized
{%- endmacro %}

{% macro spark__computed_where_used() -%}
{%- endmacro %}
