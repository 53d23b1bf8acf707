with customers as (
    select measured.*
    from {{ ref("int_customers_measured") }} as measured
    inner join {{ ref("int_customers_laddered") }} as laddered
        on measured.customer_key = laddered.customer_key
    where measured.orders > 0
        and measured.phase <> 'separation'
        and laddered.satisfaction <> 'dissatisfied'
),

scores as (
    select * from {{ ref("int_customers_scored") }}
),

visits as (
    select
        customer_key,
        sessions + logins as activity,
        sessions_before + logins_before as activity_before
    from {{ ref("int_customer_visits_summarized") }}
),

-- Each of the three signs of quiet by itself; null where it cannot be known.
judged as (
    select
        customers.*,
        scores.p_alive,
        visits.activity,
        visits.activity_before,
        customers.days_since_last_purchase > customers.quiet_after_days as is_past_rhythm,
        coalesce(scores.p_alive < {{ var("at_risk_p_alive") }}, false) as is_unlikely_alive,
        coalesce(
            customers.days_since_last_purchase >= {{ var("intent_window_days") }}
            and visits.activity_before >= {{ var("activity_min_before") }}
            and visits.activity <= (1 - {{ var("activity_drop_share") }}) * visits.activity_before,
            false
        ) as has_gone_quiet
    from customers
    left join scores on customers.customer_key = scores.customer_key
    left join visits on customers.customer_key = visits.customer_key
),

final as (
    select
        customer_key,
        'at_risk' as type,
        greatest(
            -- How far the silence has come on the way to separation.
            case
                when is_past_rhythm
                    then {{ label_score("1.0 * days_since_last_purchase / separation_after_days") }}
            end,
            case when is_unlikely_alive then {{ label_score("1 - p_alive") }} end,
            case
                when has_gone_quiet
                    then {{ label_score("(1 - activity / (1.0 * activity_before)) / 2") }}
            end
        ) as score,
        case
            when is_past_rhythm then 'at_risk.past_own_rhythm'
            when is_unlikely_alive then 'at_risk.unlikely_alive'
            else 'at_risk.activity_dropped'
        end as rule_id,
        case
            when is_past_rhythm then {{ days_after("last_purchase_on", "quiet_after_days + 1") }}
            else {{ as_of_date() }}
        end as since,
        {{ json_object({
            "signs": "concat_ws(
                ', ',
                case when is_past_rhythm then 'past_own_rhythm' end,
                case when is_unlikely_alive then 'unlikely_alive' end,
                case when has_gone_quiet then 'activity_dropped' end
            )",
            "last_purchase_on": "last_purchase_on",
            "days_since_last_purchase": "days_since_last_purchase",
            "own_gap_days": "own_gap_days",
            "active_gap_factor": var("active_gap_factor"),
            "purchase_days": "purchase_days",
            "separation_after_days": "separation_after_days",
            "p_alive": "p_alive",
            "at_risk_p_alive": var("at_risk_p_alive"),
            "activity": "activity",
            "activity_before": "activity_before",
            "activity_drop_share": var("activity_drop_share"),
        }) }} as evidence
    from judged
    where is_past_rhythm or is_unlikely_alive or has_gone_quiet
)

select * from final
