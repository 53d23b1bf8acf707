{# Periods of one partition follow each other: each ends after it begins, and before the next begins
   or, where none may be missing (`gapless`), on that very day, with the last one open. #}
{% test periods_do_not_overlap(model, partition_by, from_column, to_column, gapless=false) %}
with ordered as (
    select
        {{ partition_by | join(", ") }},
        {{ from_column }} as starts_on,
        {{ to_column }} as ends_on,
        lead({{ from_column }}) over (
            partition by {{ partition_by | join(", ") }} order by {{ from_column }} asc
        ) as next_starts_on
    from {{ model }}
)

select * from ordered
where ends_on <= starts_on
    or coalesce(ends_on > next_starts_on, ends_on is null and next_starts_on is not null)
    {%- if gapless %}
    or ends_on is distinct from next_starts_on
    {%- endif %}
{% endtest %}
