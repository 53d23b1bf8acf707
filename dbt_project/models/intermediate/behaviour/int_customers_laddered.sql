{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

with customers as (
    select * from {{ ref("int_customers_measured") }}
),

recommendations as (
    select * from {{ ref("int_recommendations_counted") }}
),

reached as (
    select * from {{ ref("int_customers_reached") }}
),

signals as (
    select * from {{ ref("int_dissatisfaction_signals") }}
    where {{ days_between("signal_on", as_of_date()) }} <= {{ var("dissatisfaction_days") }}
),

measurable as (
    select is_measurable from {{ ref("int_types_measurable") }}
    where type = 'dissatisfied'
),

complaints as (
    select
        customer_key,
        count(*) as signals,
        count(case when recovered_by is null then 1 end) as open_signals
    from signals
    group by customer_key
),

judged as (
    select
        customers.*,
        coalesce(complaints.open_signals, 0) as open_signals,
        case
            when complaints.open_signals > 0 then 'dissatisfied'
            when complaints.signals > 0 then 'recovered'
            when measurable.is_measurable then 'no_open_issue'
            else 'not_measurable'
        end as satisfaction,
        recommendations.customer_key is not null as recommends,
        reached.customer_key is not null as is_prospect,
        coalesce(
            customers.phase <> 'separation'
            and customers.days_since_last_purchase <= customers.quiet_after_days,
            false
        ) as is_in_rhythm
    from customers
    cross join measurable
    left join complaints on customers.customer_key = complaints.customer_key
    left join recommendations on customers.customer_key = recommendations.customer_key
    left join reached on customers.customer_key = reached.customer_key
),

loyal as (
    select
        *,
        is_in_rhythm
        and open_signals = 0
        and (
            purchase_days >= {{ var("loyal_min_purchase_days") }}
            or (
                purchase_days >= {{ var("loyal_top_min_purchase_days") }}
                and group_rank >= 1 - {{ var("loyal_top_share") }}
            )
        ) as is_loyal
    from judged
),

final as (
    select
        customer_key,
        satisfaction,
        is_in_rhythm,
        is_loyal,
        recommends,
        purchase_days >= 2 as is_repeat,
        case
            when is_loyal and recommends then 'advocate'
            when is_loyal then 'loyal'
            when purchase_days >= 2 then 'repeat'
            when purchase_days = 1 then 'buyer'
            when is_prospect then 'prospect'
            else 'potential'
        end as ladder_step
    from loyal
)

select * from final
