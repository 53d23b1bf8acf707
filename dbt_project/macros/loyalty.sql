{# Conditions of the models that follow customers over time. A build anew reads everything. #}

{# Customers whose days have changed. #}
{% macro is_customer_resummed() -%}
    {{ return("true" if is_anew() else is_customer_changed()) }}
{%- endmacro %}

{# Customers whose loyalty account has moved. #}
{% macro is_account_moved() -%}
    {%- if is_anew() -%}
    true
    {%- else -%}
    customer_key in (select moved.customer_key from {{ ref("int_loyalty_accounts_moved") }} as moved)
    {%- endif -%}
{%- endmacro %}

{# The two as what an incremental model takes out before it writes. #}
{% macro take_out_accounts_moved() -%}
    {{ take_out() if is_anew() else take_out(is_account_moved()) }}
{%- endmacro %}
