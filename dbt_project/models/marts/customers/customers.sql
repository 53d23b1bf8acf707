with profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

measured as (
    select * from {{ ref("int_customers_measured") }}
),

laddered as (
    select * from {{ ref("int_customers_laddered") }}
),

segments as (
    select * from {{ ref("rfm_segments") }}
),

types as (
    select
        detected.customer_key,
        array_agg(detected.type order by playbook.priority asc) as types
    from {{ ref("int_customer_types_detected") }} as detected
    inner join {{ ref("playbook") }} as playbook on detected.type = playbook.type
    group by detected.customer_key
),

final as (
    select
        {{ run_columns() }},
        profiles.customer_key,
        profiles.party,
        case when profiles.is_employee then 'internal' else 'external' end as side,
        case when measured.orders > 0 then 'actual' else 'potential' end as relation,
        array_remove(
            array[
                case
                    when measured.orders > 0 and profiles.party = 'organization' then 'B2B'
                    when measured.orders > 0 then 'B2C'
                end,
                case when measured.has_bought_from_customers then 'C2C' end,
                case when measured.has_sold_to_shop then 'C2B' end
            ],
            null
        ) as markets,
        {{ age_band("profiles.birth_date") }} as age_band,
        profiles.gender,
        profiles.region,
        profiles.city,
        profiles.country,
        profiles.first_seen_on,
        measured.first_purchase_on,
        measured.last_purchase_on,
        measured.orders,
        measured.purchase_days,
        measured.frequency,
        measured.recency_days,
        measured.age_days,
        measured.gross_revenue,
        measured.net_revenue,
        measured.own_gap_days,
        measured.days_since_last_purchase,
        measured.r_score,
        measured.f_score,
        measured.m_score,
        segments.segment,
        cast(null as numeric) as p_alive,
        cast(null as numeric) as return_score,
        measured.value_at_stake,
        measured.phase,
        laddered.ladder_step,
        types.types[1] as primary_type,
        coalesce(types.types, cast(array[] as text[])) as types,
        cast(null as text) as loyalty_tier,
        laddered.satisfaction,
        measured.purchase_days >= 2 as is_repeat,
        laddered.recommends
    from profiles
    inner join measured on profiles.customer_key = measured.customer_key
    inner join laddered on profiles.customer_key = laddered.customer_key
    left join segments
        on measured.r_score = segments.r_score and measured.f_score = segments.f_score
    left join types on profiles.customer_key = types.customer_key
)

select * from final
