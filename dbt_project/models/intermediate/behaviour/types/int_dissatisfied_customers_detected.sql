with signals as (
    select * from {{ ref("int_dissatisfaction_signals") }}
    where recovered_by is null
        and {{ days_between("signal_on", as_of_date()) }} <= {{ var("dissatisfaction_days") }}
),

labelled as (
    select
        customer_key,
        cast(count(*) as integer) as open_signals,
        min(signal_on) as oldest_on,
        max(signal_on) as latest_on,
        {{ json_array("kind || ':' || signal_key", "signal_on asc, signal_key asc") }} as signals
    from signals
    group by customer_key
),

final as (
    select
        customer_key,
        'dissatisfied' as type,
        -- One on the day of the latest signal, a half when it is about to be too old to count.
        {{ label_score(
            "1 - " ~ days_between("latest_on", as_of_date())
            ~ " / (2.0 * " ~ var("dissatisfaction_days") ~ ")"
        ) }} as score,
        'dissatisfied.open_signal' as rule_id,
        oldest_on as since,
        {{ json_object({
            "open_signals": "open_signals",
            "oldest_on": "oldest_on",
            "latest_on": "latest_on",
            "signals": "signals",
            "dissatisfaction_days": var("dissatisfaction_days"),
        }) }} as evidence
    from labelled
)

select * from final
