with events as (
    select * from {{ ref("int_web_events_attributed") }}
    where kind in ('spec_read', 'review_read', 'compare')
        and {{ in_intent_window("occurred_on") }}
),

-- The page with which somebody became a reader is the day on which it can be said.
ordered as (
    select
        *,
        row_number() over (
            partition by customer_key, category
            order by occurred_at asc, event_key asc
        ) as nth,
        row_number() over (
            partition by customer_key, kind
            order by occurred_at asc, event_key asc
        ) as nth_of_kind
    from events
),

categories as (
    select
        customer_key,
        category,
        cast(count(*) as integer) as pages,
        min(case when nth = {{ var("researcher_min_pages") }} then occurred_on end) as deep_on
    from ordered
    where category is not null
    group by customer_key, category
),

deepest as (
    select
        *,
        row_number() over (
            partition by customer_key
            order by pages desc, category asc
        ) as category_rank
    from categories
),

comparisons as (
    select
        customer_key,
        cast(count(*) as integer) as pages,
        cast(count(case when kind = 'compare' then 1 end) as integer) as comparisons,
        min(case
            when kind = 'compare' and nth_of_kind = {{ var("researcher_min_comparisons") }}
                then occurred_on
        end) as compared_on
    from ordered
    group by customer_key
),

final as (
    select
        comparisons.customer_key,
        comparisons.pages,
        comparisons.comparisons,
        comparisons.compared_on,
        deepest.category as deepest_category,
        coalesce(deepest.pages, 0) as deepest_pages,
        deepest.deep_on
    from comparisons
    left join deepest
        on comparisons.customer_key = deepest.customer_key and deepest.category_rank = 1
)

select * from final
