{{ config(
    indexes=[{"columns": ["customer_key"], "unique": true}],
    post_hook="analyze {{ this }}",
) }}

with sessions as (
    select
        *,
        {{ in_intent_window("started_on") }} as is_in_window,
        {{ in_window_before("started_on") }} as is_before
    from {{ ref("int_web_sessions_summarized") }}
),

readings as (
    select * from {{ ref("int_customer_readings_summarized") }}
),

baskets as (
    select
        customer_key,
        cast(count(*) as integer) as baskets_left,
        cast(count(case when is_checkout then 1 end) as integer) as checkouts_left,
        min(case when nth = {{ var("hesitant_min_left") }} then left_on end) as hesitant_on,
        max(left_on) as last_left_on
    from {{ ref("int_baskets_left") }}
    group by customer_key
),

ordered as (
    select
        *,
        is_in_window and product_views > 0 as is_viewing,
        row_number() over (
            partition by customer_key, is_in_window and product_views > 0
            order by started_at asc, session_key asc
        ) as nth
    from sessions
),

-- Every figure is of the window of intent, unless its name says otherwise.
summed as (
    select
        customer_key,
        max(started_on) as last_visit_on,
        cast(count(case when is_in_window then 1 end) as integer) as sessions,
        cast(count(case when is_before then 1 end) as integer) as sessions_before,
        cast(sum(case when is_in_window then logins else 0 end) as integer) as logins,
        cast(sum(case when is_before then logins else 0 end) as integer) as logins_before,
        cast(count(case when is_viewing then 1 end) as integer) as viewing_sessions,
        min(case
            when is_viewing and nth = {{ var("browser_min_sessions") }} then started_on
        end) as browsing_on,
        cast(sum(case when is_in_window then product_views else 0 end) as integer)
            as product_views,
        cast(sum(case when is_in_window then searches else 0 end) as integer) as searches,
        cast(sum(case when is_in_window then code_searches else 0 end) as integer)
            as code_searches,
        min(case when is_in_window and code_searches > 0 then started_on end) as searched_code_on,
        cast(count(case when is_in_window and has_added_to_cart then 1 end) as integer) as carts,
        cast(count(case when is_in_window and has_checkout then 1 end) as integer) as checkouts,
        cast(count(case when is_in_window and is_by_offer then 1 end) as integer)
            as offer_sessions,
        min(case when is_in_window and is_by_offer then started_on end) as came_by_offer_on,
        cast(count(case when is_in_window and is_by_switching then 1 end) as integer)
            as switching_sessions,
        min(case when is_in_window and is_by_switching then started_on end) as came_to_switch_on
    from ordered
    group by customer_key
),

final as (
    select
        summed.*,
        coalesce(readings.pages, 0) as pages_read,
        coalesce(readings.comparisons, 0) as comparisons,
        readings.compared_on,
        readings.deepest_category,
        coalesce(readings.deepest_pages, 0) as deepest_pages,
        readings.deep_on,
        coalesce(baskets.baskets_left, 0) as baskets_left,
        coalesce(baskets.checkouts_left, 0) as checkouts_left,
        baskets.hesitant_on,
        baskets.last_left_on
    from summed
    left join readings on summed.customer_key = readings.customer_key
    left join baskets on summed.customer_key = baskets.customer_key
)

select * from final
