{# Rules that more than one model applies. #}

{# Days without a purchase after which a customer of this rhythm has separated. #}
{% macro separation_after_days(own_gap_days) -%}
    greatest(
        cast(ceil({{ var("separation_gap_factor") }} * {{ own_gap_days }}) as integer),
        {{ var("separation_min_days") }},
        {{ var("new_customer_days") }} + 1
    )
{%- endmacro %}

{# The customer's own mean gap, drawn toward its group's mean with the weight of `rhythm_prior_weight`
   gaps. With a weight of nothing, and no gap of its own, the group's mean is all there is. #}
{% macro own_gap_days(gaps, days, group_gap_days) -%}
    coalesce(
        ({{ days }} + {{ var("rhythm_prior_weight") }} * {{ group_gap_days }})
        / nullif({{ gaps }} + {{ var("rhythm_prior_weight") }}, 0),
        {{ group_gap_days }}
    )
{%- endmacro %}

{# The values of a column with their percent_rank over all rows (of a group): equal values rank alike.
   One row a value, so that millions of rows are counted and not sorted. #}
{% macro ranked_values(rows, value, group=none) -%}
    select
        {%- if group %}
        {{ group }},
        {%- endif %}
        {{ value }},
        coalesce(
            cast(sum(count(*)) over ({{ "partition by " ~ group if group }} order by {{ value }} asc) - count(*) as double precision)
            / nullif(sum(count(*)) over ({{ "partition by " ~ group if group }}) - 1, 0),
            0
        ) as value_rank
    from {{ rows }}
    group by {{ group ~ ", " if group }}{{ value }}
{%- endmacro %}

{# A quintile from 1 to 5 of a rank from 0 to 1, in which equal values always score alike. #}
{% macro quintile(value_rank) -%}
    cast(least(5, 1 + floor(5 * {{ value_rank }})) as integer)
{%- endmacro %}

{# The run's two columns, first in every mart. #}
{% macro run_columns() -%}
    cast({{ var("run_id") | int }} as bigint) as run_id,
    {{ as_of_date() }} as as_of_date
{%- endmacro %}

{# Years of age as of the day, in bands: an exact birthday is personal data, a decade is not. #}
{% macro age_band(birth_date) -%}
    {%- set bands = [
        (18, "under_18"), (25, "18_24"), (35, "25_34"), (45, "35_44"), (55, "45_54"), (65, "55_64")
    ] -%}
    case
        when {{ birth_date }} is null then null
        {%- for years, band in bands %}
        when {{ birth_date }} > {{ dbt.dateadd("year", -years, as_of_date()) }} then '{{ band }}'
        {%- endfor %}
        else '65_plus'
    end
{%- endmacro %}
