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

{# The descriptions of the relation and its columns, where `persist_docs` asks for them. #}
{% macro commented(relation) -%}
    {%- if config.persist_relation_docs() and model.description %}
    comment on {{ relation.type }} {{ relation }} is {{ postgres_escape_comment(model.description) }};
    {%- endif %}
    {%- if config.persist_column_docs() %}
    {%- for column in model.columns.values() if column.description %}
    comment on column {{ relation }}.{{ adapter.quote(column.name) if column.quote else column.name }}
    is {{ postgres_escape_comment(column.description) }};
    {%- endfor %}
    {%- endif %}
{%- endmacro %}

{# What dbt calls after its other materializations: a table that is only added to has its comments. #}
{% macro postgres__persist_docs(relation, model, for_relation, for_columns) -%}
    {%- if model.resource_type != "model" or var("state_run_id") | int == 0 -%}
    {%- do run_query(commented(relation)) -%}
    {%- endif -%}
{%- endmacro %}
