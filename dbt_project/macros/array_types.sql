{# dbt reads an array column's type as the bare word ARRAY, and then cannot cast a unit test's rows to
   it. This is dbt-postgres' own query with the catalogue's full name for such types. #}
{% macro postgres__get_columns_in_relation(relation) -%}
    {% call statement("get_columns_in_relation", fetch_result=true) %}
        select
            attributes.attname as column_name,
            case
                when types.typcategory = 'A' then format_type(attributes.atttypid, null)
                else columns.data_type
            end as data_type,
            columns.character_maximum_length,
            columns.numeric_precision,
            columns.numeric_scale
        from {{ relation.information_schema("columns") }} as columns
        inner join pg_catalog.pg_attribute as attributes
            on attributes.attrelid
                = to_regclass(format('%I.%I', columns.table_schema, columns.table_name))
            and attributes.attname = columns.column_name
        inner join pg_catalog.pg_type as types on attributes.atttypid = types.oid
        where columns.table_name = '{{ relation.identifier }}'
        {%- if relation.schema %}
            and columns.table_schema = '{{ relation.schema }}'
        {%- endif %}
        order by columns.ordinal_position
    {% endcall %}
    {{ return(sql_convert_columns_in_relation(load_result("get_columns_in_relation").table)) }}
{%- endmacro %}
