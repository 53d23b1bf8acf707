{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

with customers as (
    select * from {{ ref("int_customers_measured") }}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

signals as (
    select * from {{ ref("int_dissatisfaction_signals") }}
    where {{ days_between("signal_on", as_of_date()) }} <= {{ var("dissatisfaction_days") }}
),

loads as (
    select * from {{ ref("stg_ops__loads") }}
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

measurable as (
    select count(*) > 0 as is_measurable
    from loads
    where entity in ('tickets', 'mentions', 'refunds')
),

complaints as (
    select
        customer_key,
        count(*) as signals,
        count(case when recovered_by is null then 1 end) as open_signals
    from signals
    group by customer_key
),

-- A referral succeeds when the customer who was introduced has bought.
referrals as (
    select
        profiles.referrer_key as customer_key,
        count(*) as referrals
    from profiles
    inner join customers on profiles.customer_key = customers.customer_key
    where customers.orders > 0 and profiles.referrer_key <> profiles.customer_key
    group by profiles.referrer_key
),

voices as (
    select
        customer_key,
        bool_or(is_reply_to_brand) as has_replied,
        bool_or(
            is_positive
            and {{ days_between("created_on", as_of_date()) }} <= {{ var("advocacy_days") }}
        ) as has_praised
    from mentions
    where customer_key is not null
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
        coalesce(referrals.referrals, 0) > 0 or coalesce(voices.has_praised, false) as recommends,
        customers.has_followed_campaign or coalesce(voices.has_replied, false) as is_prospect,
        coalesce(
            customers.phase <> 'separation'
            and customers.days_since_last_purchase <= customers.quiet_after_days,
            false
        ) as is_in_rhythm
    from customers
    cross join measurable
    left join complaints on customers.customer_key = complaints.customer_key
    left join referrals on customers.customer_key = referrals.customer_key
    left join voices on customers.customer_key = voices.customer_key
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
