{# Connected components by hooking and contracting: in each round every anchor takes the least one
   it touches (and that anchor's own), then edges between anchors of one label vanish. Five rounds
   settle chains of thirty; what is longer stays unsettled, and is not merged. Most people are one
   account with keys of its own, a star that needs no round and has no row here. #}
{%- set rounds = 5 %}
{{ config(
    materialized="incremental",
    incremental_strategy="scoped",
    unique_key="anchor_key",
    meta={"scope": "int_identity_touched", "scope_key": "identity_key"},
    pre_hook="{{ hold_state() }}",
    indexes=[{"columns": ["anchor_key"], "unique": true}, {"columns": ["cluster_key"]}],
) }}

-- depends_on: {{ ref("int_identity_touched") }}
with ties as (
    select
        anchor_key,
        identity_key
    from {{ ref("int_identity_ties") }}
    {% if not is_anew() %}
    where anchor_key in (select keys.identity_key from {{ ref("int_identity_touched") }} as keys)
    {% endif %}
),

-- The keys that more than one anchor has.
bridges as (
    select
        identity_key,
        min(anchor_key) as least_anchor
    from ties
    group by identity_key
    having min(anchor_key) <> max(anchor_key)
),

edges_0 as (
    select distinct
        bridges.least_anchor as low_key,
        ties.anchor_key as high_key
    from ties
    inner join bridges on ties.identity_key = bridges.identity_key
    where ties.anchor_key <> bridges.least_anchor
),

labels_0 as (
    select
        low_key as anchor_key,
        low_key as label
    from edges_0

    union distinct

    select
        high_key as anchor_key,
        high_key as label
    from edges_0
),
{% for round in range(1, rounds + 1) %}
hooks_{{ round }} as (
    select
        high_key as label,
        min(low_key) as hook
    from edges_{{ round - 1 }}
    group by high_key
),

parents_{{ round }} as (
    select
        hooks.label,
        coalesce(next_hooks.hook, hooks.hook) as parent
    from hooks_{{ round }} as hooks
    left join hooks_{{ round }} as next_hooks on hooks.hook = next_hooks.label
),

edges_{{ round }} as (
    select distinct
        least(
            coalesce(low_parents.parent, edges.low_key),
            coalesce(high_parents.parent, edges.high_key)
        ) as low_key,
        greatest(
            coalesce(low_parents.parent, edges.low_key),
            coalesce(high_parents.parent, edges.high_key)
        ) as high_key
    from edges_{{ round - 1 }} as edges
    left join parents_{{ round }} as low_parents on edges.low_key = low_parents.label
    left join parents_{{ round }} as high_parents on edges.high_key = high_parents.label
    where coalesce(low_parents.parent, edges.low_key)
        <> coalesce(high_parents.parent, edges.high_key)
),

labels_{{ round }} as (
    select
        labels.anchor_key,
        coalesce(parents.parent, labels.label) as label
    from labels_{{ round - 1 }} as labels
    left join parents_{{ round }} as parents on labels.label = parents.label
),
{% endfor %}
unsettled as (
    select low_key as label from edges_{{ rounds }}
    union distinct
    select high_key as label from edges_{{ rounds }}
),

-- Nobody is the worse for many devices, so visitors do not count.
sizes as (
    select
        label,
        count(case when anchor_key not like 'visitor:%' then 1 end) as records
    from labels_{{ rounds }}
    group by label
),

final as (
    select
        labels.anchor_key,
        labels.label as cluster_key,
        case
            when unsettled.label is not null then 'chain_too_long'
            when sizes.records > {{ var("max_records_per_person") }} then 'cluster_too_large'
        end as broken_because
    from labels_{{ rounds }} as labels
    inner join sizes on labels.label = sizes.label
    left join unsettled on labels.label = unsettled.label
)

select * from final
