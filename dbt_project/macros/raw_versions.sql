{# The rows of a raw table as the warehouse knew them at the end of `as_of_date`: of each source and
   key the latest version, unless that version says the row is gone. `by_change` says that the time
   of change outranks the order of arrival; an event's own time does not. #}
{% macro latest_versions(entity, by_change=true) -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by _source, _key
                order by {{ "_changed_at desc nulls last, " if by_change }}_load_id desc
            ) as version_rank
        from {{ source("raw", entity) }}
        where _known_from <= {{ as_of_date() }}
    ) as versions
    where version_rank = 1 and not _is_deleted
{%- endmacro %}
