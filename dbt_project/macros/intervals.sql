{# Wilson's 95% interval of a share: of the two bounds the one on the side of `sign`. Unlike the plain
   one it stays within 0 and 1, and holds for the few customers of a quiet month. #}
{% macro wilson_bound(successes, trials, sign) -%}
    {%- set z = 1.959964 -%}
    {%- set n = "cast(nullif(" ~ trials ~ ", 0) as " ~ dbt.type_float() ~ ")" -%}
    round(
        cast(
            (
                {{ successes }} / {{ n }} + {{ z * z / 2 }} / {{ n }}
                {{ sign }} {{ z }} * sqrt(
                    {{ successes }} / {{ n }} * (1 - {{ successes }} / {{ n }}) / {{ n }}
                    + {{ z * z / 4 }} / ({{ n }} * {{ n }})
                )
            ) / (1 + {{ z * z }} / {{ n }}) as numeric
        ), 4
    )
{%- endmacro %}
