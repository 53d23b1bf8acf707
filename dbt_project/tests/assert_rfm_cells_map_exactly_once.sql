{# The partition is exact: each of the 25 cells of R and F has one segment, and no other has. #}
with scores as (
    {%- for score in range(1, 6) %}
    select {{ score }} as score{{ " union all" if not loop.last }}
    {%- endfor %}
),

cells as (
    select
        recency.score as r_score,
        frequency.score as f_score
    from scores as recency
    cross join scores as frequency
),

mapped as (
    select
        coalesce(cells.r_score, segments.r_score) as r_score,
        coalesce(cells.f_score, segments.f_score) as f_score,
        count(cells.r_score) as cells,
        count(segments.segment) as segments
    from cells
    full outer join {{ ref("rfm_segments") }} as segments
        on cells.r_score = segments.r_score and cells.f_score = segments.f_score
    group by
        coalesce(cells.r_score, segments.r_score),
        coalesce(cells.f_score, segments.f_score)
)

select * from mapped
where cells <> 1 or segments <> 1
