{# An incremental strategy: what the model selects replaces everything in its scope. The scope is a
   model (meta: `scope`, its column `scope_key`, and optionally a condition `scope_where`) that lists
   the keys to be computed again: a key the model no longer has a row for goes. Delete and insert are
   one transaction, so a killed build leaves the old rows or the new; doing it twice changes nothing. #}
{% macro get_incremental_scoped_sql(arg_dict) -%}
    {%- set target = arg_dict["target_relation"] -%}
    {%- set rows = arg_dict["temp_relation"] -%}
    {%- set key = arg_dict["unique_key"] -%}
    {%- set meta = model["config"]["meta"] -%}
    {%- set columns = arg_dict["dest_columns"] | map(attribute="quoted") | join(", ") -%}
    delete from {{ target }}
    where {{ key }} in (
        select {{ meta.get("scope_key", key) }}
        from {{ ref(meta["scope"]) }}
        where {{ meta.get("scope_where", "true") }}
    );

    delete from {{ target }}
    where {{ key }} in (select {{ key }} from {{ rows }});

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ rows }}
{%- endmacro %}
