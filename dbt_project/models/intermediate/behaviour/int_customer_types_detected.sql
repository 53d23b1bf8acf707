with customers as (
    select
        measured.*,
        laddered.satisfaction,
        laddered.is_in_rhythm,
        laddered.is_loyal
    from {{ ref("int_customers_measured") }} as measured
    inner join {{ ref("int_customers_laddered") }} as laddered
        on measured.customer_key = laddered.customer_key
),

lapses as (
    select * from {{ ref("int_customer_lapses_explained") }}
),

signals as (
    select
        customer_key,
        count(*) as open_signals,
        min(signal_on) as oldest_on,
        max(signal_on) as latest_on,
        {{ json_array("kind || ':' || signal_key", "signal_on, signal_key") }} as signals
    from {{ ref("int_dissatisfaction_signals") }}
    where recovered_by is null
        and {{ days_between("signal_on", as_of_date()) }} <= {{ var("dissatisfaction_days") }}
    group by customer_key
),

detected as (
    select
        customer_key,
        'new' as type,
        1.0 as score,
        'new.first_purchase' as rule_id,
        first_purchase_on as since,
        {{ json_object({
            "first_purchase_on": "first_purchase_on",
            "days_since_first_purchase": "age_days",
            "new_customer_days": var("new_customer_days"),
        }) }} as evidence
    from customers
    where age_days <= {{ var("new_customer_days") }}

    union all

    select
        customer_key,
        'active' as type,
        round(1 - days_since_last_purchase / ({{ var("active_gap_factor") }} * own_gap_days), 4)
            as score,
        'active.within_own_rhythm' as rule_id,
        last_purchase_on as since,
        {{ json_object({
            "last_purchase_on": "last_purchase_on",
            "days_since_last_purchase": "days_since_last_purchase",
            "own_gap_days": "own_gap_days",
            "active_gap_factor": var("active_gap_factor"),
            "purchase_days": "purchase_days",
        }) }} as evidence
    from customers
    where is_in_rhythm and not is_loyal

    union all

    select
        customers.customer_key,
        'lapsed' as type,
        -- A half on the day of separation, one when twice as long has passed.
        round(customers.days_since_last_purchase / (2.0 * customers.separation_after_days), 4)
            as score,
        'lapsed.separation' as rule_id,
        lapses.separated_on as since,
        {{ json_object({
            "last_purchase_on": "customers.last_purchase_on",
            "days_since_last_purchase": "customers.days_since_last_purchase",
            "own_gap_days": "customers.own_gap_days",
            "separation_after_days": "customers.separation_after_days",
            "reason": "lapses.reason",
            "is_mended": "lapses.is_mended",
        }) }} as evidence
    from customers
    inner join lapses on customers.customer_key = lapses.customer_key

    union all

    select
        customers.customer_key,
        'dissatisfied' as type,
        -- One on the day of the latest signal, a half when it is about to be too old to count.
        round(
            1 - {{ days_between("signals.latest_on", as_of_date()) }}
            / (2.0 * {{ var("dissatisfaction_days") }}),
            4
        ) as score,
        'dissatisfied.open_signal' as rule_id,
        signals.oldest_on as since,
        {{ json_object({
            "open_signals": "signals.open_signals",
            "oldest_on": "signals.oldest_on",
            "latest_on": "signals.latest_on",
            "signals": "signals.signals",
            "dissatisfaction_days": var("dissatisfaction_days"),
        }) }} as evidence
    from customers
    inner join signals on customers.customer_key = signals.customer_key

    union all

    select
        customer_key,
        'at_risk' as type,
        -- How far the silence has come on the way to separation.
        round(days_since_last_purchase / cast(separation_after_days as numeric), 4) as score,
        'at_risk.past_own_rhythm' as rule_id,
        {{ days_after("last_purchase_on", "quiet_after_days + 1") }} as since,
        {{ json_object({
            "last_purchase_on": "last_purchase_on",
            "days_since_last_purchase": "days_since_last_purchase",
            "own_gap_days": "own_gap_days",
            "active_gap_factor": var("active_gap_factor"),
            "purchase_days": "purchase_days",
            "separation_after_days": "separation_after_days",
        }) }} as evidence
    from customers
    where days_since_last_purchase > quiet_after_days
        and phase <> 'separation'
        and satisfaction <> 'dissatisfied'
),

final as (
    select
        customer_key,
        type,
        least(greatest(score, 0), 1) as score,
        rule_id,
        1 as rule_version,
        since,
        evidence
    from detected
)

select * from final
