with visits as (
    select * from {{ ref("int_customer_visits_summarized") }}
),

labelled as (
    select
        *,
        comparisons >= {{ var("researcher_min_comparisons") }} as has_compared
    from visits
    where comparisons >= {{ var("researcher_min_comparisons") }}
        or deepest_pages >= {{ var("researcher_min_pages") }}
),

evidence as (
    {{ visits_of("labelled", "sessions.pages_read > 0") }}
),

final as (
    select
        labelled.customer_key,
        'researcher' as type,
        greatest(
            {{ label_score(strength("labelled.comparisons", var("researcher_min_comparisons"))) }},
            {{ label_score(strength("labelled.deepest_pages", var("researcher_min_pages"))) }}
        ) as score,
        case
            when labelled.has_compared then 'researcher.compares'
            else 'researcher.reads_deeply'
        end as rule_id,
        least(labelled.compared_on, labelled.deep_on) as since,
        {{ json_object({
            "comparisons": "labelled.comparisons",
            "category": "labelled.deepest_category",
            "pages_of_category": "labelled.deepest_pages",
            "pages_read": "labelled.pages_read",
            "visits": "evidence.visits",
            "researcher_min_comparisons": var("researcher_min_comparisons"),
            "researcher_min_pages": var("researcher_min_pages"),
            "intent_window_days": var("intent_window_days"),
        }) }} as evidence
    from labelled
    left join evidence on labelled.customer_key = evidence.customer_key
)

select * from final
