{# Where a person is cut in two because somebody has decided so. Of each pair of keys declared to be
   two people, every key goes to the one that is fewer edges away; an edge between the sides is cut,
   and a key that lies as near to both, with both beside it, ties nobody. So the pair stays apart
   whatever else comes to tie it. #}
{%- set reach = 12 %}
{{ config(materialized="table", post_hook="analyze {{ this }}") }}

with recursive separations as (
    select distinct
        left_key,
        right_key
    from {{ ref("int_identity_corrections") }}
    where action = 'separate' and is_in_force
),

starts as (
    select
        left_key,
        right_key,
        0 as side,
        left_key as identity_key
    from separations

    union all

    select
        left_key,
        right_key,
        1 as side,
        right_key as identity_key
    from separations
),

-- Laterally, so that the database looks up the edges of each key rather than read all there are.
walked as (
    select
        *,
        0 as distance
    from starts

    union distinct

    select
        walked.left_key,
        walked.right_key,
        walked.side,
        steps.to_key as identity_key,
        walked.distance + 1 as distance
    from walked
    cross join lateral ({{ steps_from("walked.identity_key") }}) as steps
    where walked.distance < {{ reach }}
),

nearest as (
    select
        left_key,
        right_key,
        identity_key,
        min(case when side = 0 then distance end) as from_left,
        min(case when side = 1 then distance end) as from_right
    from walked
    group by left_key, right_key, identity_key
),

-- Pairs that something ties; the others are two people already.
tied as (
    select distinct
        left_key,
        right_key
    from nearest
    where from_left is not null and from_right is not null
),

sided as (
    select
        nearest.left_key,
        nearest.right_key,
        nearest.identity_key,
        case
            when nearest.from_right is null or nearest.from_left < nearest.from_right then 'left'
            when nearest.from_left is null or nearest.from_right < nearest.from_left then 'right'
            else 'both'
        end as side
    from nearest
    inner join tied
        on nearest.left_key = tied.left_key and nearest.right_key = tied.right_key
),

-- The steps between keys of a pair, with the side of either end; beyond the reach there is none.
stepped as (
    select
        sided.left_key,
        sided.right_key,
        sided.identity_key as from_key,
        sided.side as from_side,
        steps.to_key,
        beside.side as to_side
    from sided
    cross join lateral ({{ steps_from("sided.identity_key") }}) as steps
    left join sided as beside
        on
            steps.to_key = beside.identity_key
            and sided.left_key = beside.left_key
            and sided.right_key = beside.right_key
),

-- Keys as near to the one as to the other, with both beside them: what is tied to them is not.
between as (
    select from_key
    from stepped
    where from_side = 'both' and from_key not like 'account:%'
    group by left_key, right_key, from_key
    having min(case when to_side <> 'both' then to_side end)
        <> max(case when to_side <> 'both' then to_side end)
),

cut as (
    select
        from_key,
        to_key
    from stepped
    where from_side <> coalesce(to_side, '')
        or from_key in (select between.from_key from between)
),

final as (
    select
        from_key as anchor_key,
        to_key as identity_key
    from cut

    union distinct

    select
        to_key as anchor_key,
        from_key as identity_key
    from cut
)

select * from final
