{# `where` of a data test is read when dbt reads the project, which is not every night: the run it
   speaks of is put in when the test runs. #}
{% macro postgres__get_where_subquery(relation) -%}
    {%- set where = config.get("where") -%}
    {%- if not where -%}
        {{ return(relation) }}
    {%- endif -%}
    {{ return(
        "(select * from " ~ relation ~ " where "
        ~ where | replace("__run_id__", var("run_id") | string) ~ ") as rows_of_interest"
    ) }}
{%- endmacro %}
