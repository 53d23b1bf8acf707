with visits as (
    select * from {{ ref("int_customer_visits_summarized") }}
    where switching_sessions > 0
),

words as (
    select
        customer_key,
        cast(count(*) as integer) as texts,
        min(named_on) as named_on,
        {{ json_array("kind || ':' || text_key", "named_on asc, text_key asc") }} as texts_found
    from {{ ref("int_competitors_named") }}
    where is_dissatisfied and {{ in_intent_window("named_on") }}
    group by customer_key
),

labelled as (
    select
        coalesce(words.customer_key, visits.customer_key) as customer_key,
        coalesce(words.texts, 0) as texts,
        words.texts_found,
        words.named_on,
        coalesce(visits.switching_sessions, 0) as switching_visits,
        visits.came_to_switch_on
    from words
    full join visits on words.customer_key = visits.customer_key
),

evidence as (
    {{ visits_of("labelled", "sessions.is_by_switching") }}
),

final as (
    select
        labelled.customer_key,
        'switcher' as type,
        -- Words say it outright; a campaign that was followed only hints at it.
        case when labelled.texts > 0 then 1.0 else 0.5 end as score,
        case
            when labelled.texts > 0 then 'switcher.names_a_competitor'
            else 'switcher.came_by_campaign'
        end as rule_id,
        least(labelled.named_on, labelled.came_to_switch_on) as since,
        {{ json_object({
            "texts": "labelled.texts_found",
            "visits_by_campaign": "labelled.switching_visits",
            "visits": "evidence.visits",
            "intent_window_days": var("intent_window_days"),
        }) }} as evidence
    from labelled
    left join evidence on labelled.customer_key = evidence.customer_key
)

select * from final
