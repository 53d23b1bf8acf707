{# These columns are the model's key: none is null (unless allowed) and no combination comes twice. #}
{% test is_key(model, columns, nullable=[]) %}
select {{ columns | join(", ") }}
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1
    {%- for column in columns if column not in nullable %}
    or {{ column }} is null
    {%- endfor %}
{% endtest %}
