{# Connected components by hooking and contracting: in each round every key takes the least key it
   touches (and that key's own), then edges between keys of one label vanish. Five rounds settle
   chains of thirty keys; what is longer stays unsettled, and is not merged. #}
{%- set rounds = 5 %}

with edges as (
    select * from {{ ref("int_identity_edges") }}
),

edges_0 as (
    select distinct
        least(anchor_key, identity_key) as low_key,
        greatest(anchor_key, identity_key) as high_key
    from edges
    where anchor_key <> identity_key
),

labels_0 as (
    select distinct
        identity_key,
        identity_key as label
    from edges
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
        labels.identity_key,
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

final as (
    select
        labels.identity_key,
        labels.label as cluster_key,
        unsettled.label is null as is_settled
    from labels_{{ rounds }} as labels
    left join unsettled on labels.label = unsettled.label
)

select * from final
