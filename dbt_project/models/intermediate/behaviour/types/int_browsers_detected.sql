with visits as (
    select * from {{ ref("int_customer_visits_summarized") }}
),

questions as (
    select distinct customer_key from {{ ref("int_questions_asked") }}
),

labelled as (
    select visits.*
    from visits
    left join questions on visits.customer_key = questions.customer_key
    where visits.viewing_sessions >= {{ var("browser_min_sessions") }}
        and visits.carts = 0
        and visits.checkouts = 0
        and visits.comparisons = 0
        and questions.customer_key is null
),

evidence as (
    {{ visits_of("labelled", "sessions.product_views > 0") }}
),

final as (
    select
        labelled.customer_key,
        'browser' as type,
        {{ label_score(strength("labelled.viewing_sessions", var("browser_min_sessions"))) }}
            as score,
        'browser.views_without_a_step' as rule_id,
        labelled.browsing_on as since,
        {{ json_object({
            "visits_with_views": "labelled.viewing_sessions",
            "product_views": "labelled.product_views",
            "searches": "labelled.searches",
            "visits": "evidence.visits",
            "browser_min_sessions": var("browser_min_sessions"),
            "intent_window_days": var("intent_window_days"),
        }) }} as evidence
    from labelled
    inner join evidence on labelled.customer_key = evidence.customer_key
)

select * from final
