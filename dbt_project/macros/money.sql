{# Toman (IRT, not in ISO 4217) is ten Rials. #}

{% macro iso_currency(currency) -%}
    case upper(trim({{ currency }})) when 'IRT' then 'IRR' else upper(trim({{ currency }})) end
{%- endmacro %}

{% macro iso_amount(amount, currency) -%}
    case upper(trim({{ currency }})) when 'IRT' then {{ amount }} * 10 else {{ amount }} end
{%- endmacro %}

{% macro base_currency() -%}
    '{{ "IRR" if var("base_currency") == "IRT" else var("base_currency") }}'
{%- endmacro %}
