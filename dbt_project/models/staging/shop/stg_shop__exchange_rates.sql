with versions as (
    {{ latest_versions("exchange_rates") }}
),

ranked as (
    select
        *,
        -- Two sources may quote one day: the first by name is taken, always the same one.
        row_number() over (
            partition by rate_date, {{ iso_currency("currency") }}
            order by _source, upper(trim(currency))
        ) as quote_rank
    from versions
    where rate_date <= {{ as_of_date() }}
),

final as (
    select
        _source as source,
        rate_date,
        {{ iso_currency("currency") }} as currency,
        -- A rate of the Toman is ten times the Rial's.
        case upper(trim(currency))
            when 'IRT' then rate_to_base / 10
            else rate_to_base
        end as rate_to_base
    from ranked
    where quote_rank = 1 and rate_to_base > 0
)

select * from final
