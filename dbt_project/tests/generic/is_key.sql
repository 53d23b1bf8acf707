{# These columns are the model's key: none is null (unless allowed) and no combination comes twice. A
   unique index of the model on the same columns (`has_index`) has seen to the second already. #}
{% test is_key(model, columns, nullable=[], has_index=false) %}
select {{ columns | join(", ") }}
from {{ model }}
{%- if has_index %}
where {% for column in columns %}{{ column }} is null{{ " or " if not loop.last }}{% endfor %}
{%- else %}
group by {{ columns | join(", ") }}
having count(*) > 1
    {%- for column in columns if column not in nullable %}
    or {{ column }} is null
    {%- endfor %}
{%- endif %}
{% endtest %}
