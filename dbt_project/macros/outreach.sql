{# A number in [0, 1) that belongs to a key for good: the keyed hash that holds a share of people out.
   Without the key nobody can tell who is held out. #}
{% macro hashed_share(key) -%}
    {{ return(adapter.dispatch("hashed_share")(key)) }}
{%- endmacro %}

{% macro default__hashed_share(key) -%}
    (cast(cast(concat('x', substr({{ dbt.hash(
        "concat('" ~ env_var("MOSHTARI_HOLDOUT_KEY", "") ~ "', " ~ key ~ ")"
    ) }}, 1, 8)) as bit(32)) as bigint) / 4294967296.0)
{%- endmacro %}

{% macro spark__hashed_share(key) -%}
    (conv(substr({{ dbt.hash(
        "concat('" ~ env_var("MOSHTARI_HOLDOUT_KEY", "") ~ "', " ~ key ~ ")"
    ) }}, 1, 8), 16, 10) / 4294967296.0)
{%- endmacro %}

{# The texts of a group as one, in a stated order. #}
{% macro joined_text(text, separator, order_by) -%}
    {{ return(adapter.dispatch("joined_text")(text, separator, order_by)) }}
{%- endmacro %}

{% macro default__joined_text(text, separator, order_by) -%}
    string_agg({{ text }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}

{% macro spark__joined_text(text, separator, order_by) -%}
    array_join(collect_list({{ text }}), '{{ separator }}')
{%- endmacro %}
