{{ config(materialized="view") }}

with shared_keys as (
    select * from {{ ref("int_identity_shared_keys") }}
),

ties as (
    select * from {{ ref("int_identity_ties") }}
),

broken as (
    select *
    from {{ ref("int_identity_clusters") }}
    where broken_because is not null
),

-- Of a cluster that is not one person, the keys that bridge its records.
bridges as (
    select
        ties.identity_key,
        min(ties.key_kind) as key_kind,
        min(broken.broken_because) as cause,
        count(distinct case when ties.anchor_key like 'account:%' then ties.anchor_key end)
            as accounts,
        count(distinct ties.anchor_key) as records
    from ties
    inner join broken on ties.anchor_key = broken.anchor_key
    group by ties.identity_key
    having count(distinct ties.anchor_key) > 1
),

-- Keys that a decision has cut out between two people.
separated as (
    select
        cut.identity_key,
        min(stated.key_kind) as key_kind,
        count(distinct case when cut.anchor_key like 'account:%' then cut.anchor_key end)
            as accounts,
        count(distinct cut.anchor_key) as records
    from {{ ref("int_identity_separations") }} as cut
    inner join {{ ref("int_identity_ties_stated") }} as stated
        on cut.identity_key = stated.identity_key and cut.anchor_key = stated.anchor_key
    group by cut.identity_key
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
        cause,
        accounts,
        records
    from bridges

    union all

    select
        identity_key,
        key_kind,
        'separated' as cause,
        accounts,
        records
    from separated
)

select * from final
