{{ config(indexes=[{"columns": ["identity_key"], "unique": true}, {"columns": ["customer_key"]}]) }}

with edges as (
    select * from {{ ref("int_identity_edges") }}
),

clusters as (
    select * from {{ ref("int_identity_clusters") }}
),

too_large as (
    select clusters.cluster_key
    from edges
    inner join clusters on edges.anchor_key = clusters.identity_key
    group by clusters.cluster_key
    having count(distinct edges.anchor_key) > {{ var("max_records_per_person") }}
        or not bool_and(clusters.is_settled)
),

keys as (
    select
        identity_key,
        min(key_kind) as key_kind,
        min(first_seen_at) as first_seen_at,
        max(is_shop_record) as is_shop_record,
        min(anchor_key) as anchor_key,
        count(distinct anchor_key) as anchors,
        max(case when anchor_key = identity_key then 1 else 0 end) as is_anchor
    from edges
    group by identity_key
),

-- A cluster that is not merged falls apart into its records; a key of several records is nobody's.
rooted as (
    select
        keys.identity_key,
        keys.key_kind,
        keys.first_seen_at,
        keys.is_shop_record,
        case
            when too_large.cluster_key is null then clusters.cluster_key
            when keys.is_anchor = 1 then keys.identity_key
            when keys.anchors = 1 then keys.anchor_key
        end as root_key
    from keys
    inner join clusters on keys.identity_key = clusters.identity_key
    left join too_large on clusters.cluster_key = too_large.cluster_key
),

-- A person is named after the key that was seen first, so that a later key changes no name.
named as (
    select
        *,
        first_value(identity_key) over (
            partition by root_key
            order by first_seen_at asc, identity_key asc
        ) as first_key,
        max(is_shop_record) over (partition by root_key) as is_shop_customer
    from rooted
    where root_key is not null
),

final as (
    select
        identity_key,
        key_kind,
        {{ dbt.hash("concat('" ~ env_var("MOSHTARI_CUSTOMER_KEY_SALT", "") ~ "', first_key)") }}
            as customer_key,
        case
            when identity_key = first_key then 'first_key'
            else concat('exact_', key_kind)
        end as rule_id,
        1 as rule_version,
        {{ business_date("first_seen_at") }} as first_seen_on
    from named
    where is_shop_customer = 1
)

select * from final
