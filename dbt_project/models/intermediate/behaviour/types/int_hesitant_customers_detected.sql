with visits as (
    select * from {{ ref("int_customer_visits_summarized") }}
    where baskets_left >= {{ var("hesitant_min_left") }}
),

questions as (
    select
        customer_key,
        cast(count(*) as integer) as questions,
        min(asked_on) as asked_on,
        {{ json_array("question_key", "asked_on asc, question_key asc") }} as question_keys
    from {{ ref("int_questions_asked") }}
    where is_before_purchase and not is_followed_by_purchase
    group by customer_key
),

labelled as (
    select
        coalesce(visits.customer_key, questions.customer_key) as customer_key,
        coalesce(visits.baskets_left, 0) as baskets_left,
        coalesce(visits.checkouts_left, 0) as checkouts_left,
        coalesce(questions.questions, 0) as questions,
        visits.hesitant_on,
        questions.asked_on,
        questions.question_keys
    from visits
    full join questions on visits.customer_key = questions.customer_key
),

baskets as (
    select
        left_baskets.customer_key,
        {{ json_array(
            "left_baskets.session_key", "left_baskets.left_at asc, left_baskets.session_key asc"
        ) }} as baskets
    from {{ ref("int_baskets_left") }} as left_baskets
    inner join visits on left_baskets.customer_key = visits.customer_key
    where visits.baskets_left - left_baskets.nth < {{ var("evidence_rows") }}
    group by left_baskets.customer_key
),

final as (
    select
        labelled.customer_key,
        'hesitant' as type,
        greatest(
            {{ label_score(strength("labelled.baskets_left", var("hesitant_min_left"))) }},
            {{ label_score(strength("labelled.questions", 1)) }}
        ) as score,
        case
            when labelled.baskets_left > 0 then 'hesitant.leaves_baskets'
            else 'hesitant.asked_and_did_not_buy'
        end as rule_id,
        least(labelled.hesitant_on, labelled.asked_on) as since,
        {{ json_object({
            "baskets_left": "labelled.baskets_left",
            "checkouts_left": "labelled.checkouts_left",
            "visits": "baskets.baskets",
            "questions": "labelled.question_keys",
            "hesitant_min_left": var("hesitant_min_left"),
            "intent_window_days": var("intent_window_days"),
        }) }} as evidence
    from labelled
    left join baskets on labelled.customer_key = baskets.customer_key
)

select * from final
