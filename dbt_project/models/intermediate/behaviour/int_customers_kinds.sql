{{ config(indexes=[{"columns": ["customer_key"], "unique": true}]) }}

with customers as (
    select * from {{ ref("int_customers_measured") }}
),

profiles as (
    select * from {{ ref("int_customers_profiled") }}
),

visits as (
    select * from {{ ref("int_customer_visits_summarized") }}
),

questions as (
    select distinct customer_key from {{ ref("int_questions_asked") }}
    where is_before_purchase
),

visits_measurable as (
    select is_measurable from {{ ref("int_types_measurable") }}
    where type = 'browser'
),

-- Orders of the two markets in which a customer is the seller, or the shop is.
special_orders as (
    select * from {{ ref("int_orders_valued") }}
    where customer_key is not null and (is_sold_by_customer or direction = 'purchase')
),

special_markets as (
    select
        customer_key,
        count(case when is_valid then 1 end) as c2c_orders,
        sum(case
            when is_sold then gross_base - discount_base - refunded_base else 0
        end) as revenue_c2c,
        count(case when is_bought_by_shop then 1 end) as c2b_orders,
        sum(case when is_bought_by_shop then gross_base - discount_base else 0 end) as revenue_c2b
    from (
        select
            *,
            direction = 'purchase'
            and status in ('paid', 'shipped', 'delivered', 'completed') as is_bought_by_shop
        from special_orders
    ) as judged
    group by customer_key
),

joined as (
    select
        customers.customer_key,
        customers.orders,
        customers.net_revenue,
        customers.party,
        profiles.is_employee,
        coalesce(special_markets.c2c_orders, 0) as c2c_orders,
        coalesce(special_markets.c2b_orders, 0) as c2b_orders,
        coalesce(special_markets.revenue_c2c, 0) as revenue_c2c,
        coalesce(special_markets.revenue_c2b, 0) as revenue_c2b,
        visits_measurable.is_measurable,
        questions.customer_key is not null
        or coalesce(visits.carts + visits.checkouts + visits.pages_read, 0) > 0 as shows_intent
    from customers
    inner join profiles on customers.customer_key = profiles.customer_key
    cross join visits_measurable
    left join visits on customers.customer_key = visits.customer_key
    left join questions on customers.customer_key = questions.customer_key
    left join special_markets on customers.customer_key = special_markets.customer_key
),

-- What was sold by the shop itself is of the party's market: nothing is counted twice.
final as (
    select
        customer_key,
        case when orders > 0 then 'actual' else 'potential' end as relation,
        case
            when orders > 0 then null
            when shows_intent then 'considering'
            when is_measurable then 'just_looking'
        end as intent,
        case when is_employee then 'internal' else 'external' end as side,
        party,
        array_remove(
            array[
                case when party = 'person' and orders > c2c_orders then 'B2C' end,
                case when party = 'organization' and orders > c2c_orders then 'B2B' end,
                case when c2c_orders > 0 then 'C2C' end,
                case when c2b_orders > 0 then 'C2B' end
            ],
            null
        ) as markets,
        case when party = 'person' then net_revenue - revenue_c2c else 0 end as revenue_b2c,
        case when party = 'organization' then net_revenue - revenue_c2c else 0 end as revenue_b2b,
        revenue_c2c,
        revenue_c2b
    from joined
)

select * from final
