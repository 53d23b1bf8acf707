{# The keys whose person has to be found again: those of the record sets that are tied anew, and all
   that were or are one person with any of them. Whoever is not in here is tied by the same records as
   at the last clean build. The clusters are those that an earlier build left, finished or not: either
   way each holds all that the untouched records tie together. #}
{{ config(
    materialized="table",
    post_hook="analyze {{ this }}",
    indexes=[{"columns": ["identity_key"], "unique": true}],
) }}

-- depends_on: {{ ref("int_identity_edges") }}
with touched_sets as (
    select * from {{ ref("int_identity_key_sets_touched") }}
),

corrections as (
    select * from {{ ref("int_identity_corrections") }}
),

-- Corrections are few, and may have been made or withdrawn: their keys are always looked at.
keys as (
    select identity_key
    from ({{ long_keys("touched_sets", key_kinds()) }}) as touched_keys

    union distinct

    select left_key as identity_key from corrections

    union distinct

    select right_key as identity_key from corrections
),
{% if is_anew() %}
final as (
    select identity_key
    from keys
    where false
)
{%- else %}
edges as (
    select * from {{ ref("int_identity_edges") }}
),

earlier_clusters as (
    select
        anchor_key,
        cluster_key
    from {{ source("state", "int_identity_clusters") }}
),

near as (
    select identity_key as anchor_key from keys

    union distinct

    select edges.anchor_key
    from edges
    inner join keys on edges.identity_key = keys.identity_key
),

clusters as (
    select distinct earlier_clusters.cluster_key
    from earlier_clusters
    inner join near on earlier_clusters.anchor_key = near.anchor_key
),

anchors as (
    select anchor_key from near

    union distinct

    select earlier_clusters.anchor_key
    from earlier_clusters
    inner join clusters on earlier_clusters.cluster_key = clusters.cluster_key
),

final as (
    select anchor_key as identity_key from anchors

    union distinct

    select edges.identity_key
    from edges
    inner join anchors on edges.anchor_key = anchors.anchor_key
)
{%- endif %}

select * from final
