{# Of each source the load that brought most of an entity, where it brought much. In a file of its own:
   sqlfluff takes what `return` gives for the text of whichever macro of the same file calls it. #}
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
