with customers as (
    select * from {{ ref("int_customers_measured") }}
),

introductions as (
    select * from {{ ref("int_customers_introduced") }}
    where introducer_key is not null
),

mentions as (
    select * from {{ ref("int_mentions_attributed") }}
),

-- A referral succeeds when the customer who was introduced buys for the first time.
referrals as (
    select
        introductions.introducer_key as customer_key,
        count(*) as referrals
    from introductions
    inner join customers on introductions.customer_key = customers.customer_key
    where {{ days_between("customers.first_purchase_on", as_of_date()) }}
        <= {{ var("advocacy_days") }}
    group by introductions.introducer_key
),

voices as (
    select
        customer_key,
        count(*) as praises
    from mentions
    where is_positive
        and customer_key is not null
        and {{ days_between("created_on", as_of_date()) }} <= {{ var("advocacy_days") }}
    group by customer_key
),

final as (
    select
        coalesce(referrals.customer_key, voices.customer_key) as customer_key,
        cast(coalesce(referrals.referrals, 0) as integer) as referrals,
        cast(coalesce(voices.praises, 0) as integer) as praises
    from referrals
    full join voices on referrals.customer_key = voices.customer_key
)

select * from final
