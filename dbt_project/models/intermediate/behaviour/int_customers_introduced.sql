with profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

orders as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by ordered_at asc, order_key asc
        ) as nth
    from {{ ref("int_orders_valued") }}
    where is_valid and referral_code is not null and customer_key is not null
),

links as (
    select * from {{ ref("int_identity_links") }}
),

-- A code is the introducer's account, with or without the shop's prefix.
coded_accounts as (
    select
        customer_key,
        order_key,
        ordered_on,
        concat('account:', source, '/', {{ without_matches(
            "lower(trim(referral_code))", "'^" ~ var("referral_code_prefix") ~ "'"
        ) }}) as account_key
    from orders
    where nth = 1
),

coded as (
    select
        coded_accounts.customer_key,
        coded_accounts.order_key,
        coded_accounts.ordered_on,
        links.customer_key as introducer_key
    from coded_accounts
    left join links on coded_accounts.account_key = links.identity_key
),

recorded as (
    select * from profiles
    where referrer_key <> customer_key
),

-- What the shop wrote down outranks a code, which may have been passed on.
final as (
    select
        coalesce(recorded.customer_key, coded.customer_key) as customer_key,
        coalesce(recorded.referrer_key, coded.introducer_key) as introducer_key,
        case when recorded.customer_key is null then 'referral_code' else 'recorded_referrer' end
            as introduced_by,
        coded.order_key,
        least(recorded.first_seen_on, coded.ordered_on) as introduced_on
    from recorded
    full join coded on recorded.customer_key = coded.customer_key
    where recorded.customer_key is not null
        or coalesce(coded.introducer_key <> coded.customer_key, true)
)

select * from final
