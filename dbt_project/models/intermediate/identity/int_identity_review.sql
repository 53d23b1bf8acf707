{{ config(materialized="view") }}

with shared_keys as (
    select * from {{ ref("int_identity_shared_keys") }}
),

edges as (
    select * from {{ ref("int_identity_edges") }}
),

clusters as (
    select * from {{ ref("int_identity_clusters") }}
),

anchors as (
    select
        clusters.cluster_key,
        count(distinct edges.anchor_key) as records,
        bool_and(clusters.is_settled) as is_settled
    from edges
    inner join clusters on edges.anchor_key = clusters.identity_key
    group by clusters.cluster_key
    having count(distinct edges.anchor_key) > {{ var("max_records_per_person") }}
        or not bool_and(clusters.is_settled)
),

-- Of a cluster too large to be one person, the keys that bridge its records.
bridges as (
    select
        edges.identity_key,
        min(edges.key_kind) as key_kind,
        count(distinct case when edges.key_kind = 'account' then edges.anchor_key end) as accounts,
        count(distinct edges.anchor_key) as records,
        bool_and(anchors.is_settled) as is_settled
    from edges
    inner join clusters on edges.identity_key = clusters.identity_key
    inner join anchors on clusters.cluster_key = anchors.cluster_key
    group by edges.identity_key
    having count(distinct edges.anchor_key) > 1
),

final as (
    select
        identity_key,
        key_kind,
        cause,
        accounts,
        records
    from shared_keys

    union all

    select
        identity_key,
        key_kind,
        case when is_settled then 'cluster_too_large' else 'chain_too_long' end as cause,
        accounts,
        records
    from bridges
)

select * from final
