with introduced as (
    select
        introductions.*,
        customers.purchase_days
    from {{ ref("int_customers_introduced") }} as introductions
    inner join {{ ref("int_customers_measured") }} as customers
        on introductions.customer_key = customers.customer_key
    where customers.purchase_days < 2
),

introducers as (
    select distinct introducer_key from introduced
    where introducer_key is not null
),

-- What the introducer buys is what the newcomer has heard of.
bought as (
    select
        orders.customer_key,
        items.category,
        count(distinct orders.order_key) as orders
    from {{ ref("int_orders_valued") }} as orders
    inner join introducers on orders.customer_key = introducers.introducer_key
    inner join {{ ref("stg_shop__order_items") }} as items on orders.order_key = items.order_key
    where orders.is_valid and items.category is not null
    group by orders.customer_key, items.category
),

favourites as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by orders desc, category asc
        ) as category_rank
    from bought
),

final as (
    select
        introduced.customer_key,
        'referred' as type,
        -- Before the first purchase all hangs on the introduction; after it, half.
        case when introduced.purchase_days = 0 then 1.0 else 0.5 end as score,
        concat('referred.', introduced.introduced_by) as rule_id,
        introduced.introduced_on as since,
        {{ json_object({
            "introduced_by": "introduced.introducer_key",
            "introducer_buys": "favourites.category",
            "order": "introduced.order_key",
            "purchase_days": "introduced.purchase_days",
        }) }} as evidence
    from introduced
    left join favourites
        on introduced.introducer_key = favourites.customer_key and favourites.category_rank = 1
)

select * from final
