{# An account's key: ids of two sources never meet. #}
{% macro account_key(source, customer_id) -%}
    case
        when nullif(trim({{ customer_id }}), '') is not null
            then concat('account:', {{ source }}, '/', trim({{ customer_id }}))
    end
{%- endmacro %}

{# Any other key, by its kind; null stays null. #}
{% macro contact_key(kind, value) -%}
    case when {{ value }} is not null then concat('{{ kind }}:', {{ value }}) end
{%- endmacro %}
