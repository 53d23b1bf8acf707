with dissatisfied as (
    select * from {{ ref("int_customer_types_detected") }}
    where type = 'dissatisfied'
),

signals as (
    select * from {{ ref("int_dissatisfaction_signals") }}
    where recovered_by is null
        and {{ days_between("signal_on", as_of_date()) }} <= {{ var("dissatisfaction_days") }}
),

words as (
    select * from {{ ref("reason_words") }}
    where topic = 'signal'
),

-- Each kind of signal once, with its oldest day: who has waited longest comes first.
kinds as (
    select
        customer_key,
        kind,
        min(signal_on) as oldest_on
    from signals
    group by customer_key, kind
),

told as (
    select
        kinds.customer_key,
        min(kinds.oldest_on) as oldest_on,
        {{ joined_text(
            "concat(words.words_fa, ' (', " ~ days_between("kinds.oldest_on", as_of_date())
            ~ ", ' روز پیش)')", "؛ ", "kinds.oldest_on, kinds.kind"
        ) }} as reasons_fa,
        {{ joined_text(
            "concat(words.words_en, ' (', " ~ days_between("kinds.oldest_on", as_of_date())
            ~ ", ' days ago)')", "; ", "kinds.oldest_on, kinds.kind"
        ) }} as reasons_en
    from kinds
    inner join words on kinds.kind = words.code
    group by kinds.customer_key
),

final as (
    select
        'dissatisfied' as list_name,
        dissatisfied.customer_key,
        dissatisfied.score,
        {{ days_between("told.oldest_on", as_of_date()) }} as urgency,
        concat(told.reasons_fa, '.') as reasons_fa,
        concat(upper(substr(told.reasons_en, 1, 1)), substr(told.reasons_en, 2), '.')
            as reasons_en,
        cast(null as {{ text_type() }}) as order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from dissatisfied
    inner join told on dissatisfied.customer_key = told.customer_key
)

select * from final
