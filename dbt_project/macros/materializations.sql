{# Tables and views as dbt makes them, but in one statement instead of up to seven: a night has some
   hundred of them, and a round through dbt costs more than the work of most. The old relation goes in
   the transaction that puts the new one in its place: a kill leaves the one or the other. #}
{% materialization table, adapter="postgres" -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type="table") -%}
    {%- set made = make_intermediate_relation(target) -%}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main") -%}
        {{ get_create_table_as_sql(false, made, sql) }}
        {%- for index in config.get("indexes", []) %}
        {{ get_create_index_sql(made, index) }};
        {%- endfor %}
        {{ replaced_by(existing, made, target) }}
        {{ commented(target) }}
        analyze {{ target }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({"relations": [target]}) }}
{%- endmaterialization %}

{% materialization view, adapter="postgres" -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type="view") -%}
    {%- set made = make_intermediate_relation(target) -%}
    {{ run_hooks(pre_hooks, inside_transaction=false) }}
    {{ run_hooks(pre_hooks) }}
    {%- call statement("main") -%}
        {{ get_create_view_as_sql(made, sql) }};
        {{ replaced_by(existing, made, target) }}
        {{ commented(target) }}
    {%- endcall -%}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=false) }}
    {{ return({"relations": [target]}) }}
{%- endmaterialization %}

{% macro replaced_by(existing, made, target) -%}
    {%- if existing -%}
    drop {{ existing.type }} if exists {{ existing }} cascade;
    {%- endif %}
    alter {{ target.type }} {{ made }} rename to {{ adapter.quote(target.identifier) }};
{%- endmacro %}

{# The descriptions of the relation and its columns, where `persist_docs` asks for them. A column that
   is described need not be there: some are of a deployment that has an entity or a channel. #}
{% macro commented(relation) -%}
    {%- if config.persist_relation_docs() and model.description %}
    comment on {{ relation.type }} {{ relation }} is {{ postgres_escape_comment(model.description) }};
    {%- endif %}
    {%- if config.persist_column_docs() %}
    {%- set descriptions = {} %}
    {%- for column in model.columns.values() if column.description %}
        {%- do descriptions.update({column.name: column.description}) %}
    {%- endfor %}
    do $comments$
    declare
        told record;
    begin
        for told in
            select attributes.attname, descriptions.value
            from jsonb_each_text($json${{ tojson(descriptions) }}$json$::jsonb) as descriptions
            inner join pg_catalog.pg_attribute as attributes
                on descriptions.key = attributes.attname and attributes.attnum > 0
            where attributes.attrelid = '{{ relation }}'::regclass
        loop
            execute format('comment on column {{ relation }}.%I is %L', told.attname, told.value);
        end loop;
    end
    $comments$;
    {%- endif %}
{%- endmacro %}

{# What dbt calls after its other materializations: a table that is only added to has its comments. #}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- set statements = commented(relation) | trim -%}
    {%- if statements and (model.resource_type != "model" or var("state_run_id") | int == 0) -%}
    {%- do run_query(statements) -%}
    {%- endif -%}
{%- endmacro %}

{# An import, `name as (select * from relation)`, is the relation under another name. PostgreSQL copies
   every CTE that is used twice, all columns of all rows, and plans without indexes on the copy: it is
   told not to. #}
{% macro with_imports_inlined(sql) -%}
    {{ return(modules.re.sub(
        '\\bas \\((\\s*select \\* from ")', "as not materialized (\\1", sql
    )) }}
{%- endmacro %}

{% macro postgres__create_table_as(temporary, relation, sql) -%}
    {{ return(dbt.postgres__create_table_as(
        temporary, relation, with_imports_inlined(sql)
    )) }}
{%- endmacro %}
