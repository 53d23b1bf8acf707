with spend as (
    select * from {{ ref("int_campaign_spend_valued") }}
),

dates as (
    select * from {{ ref("int_days_dated") }}
),

retention as (
    select * from {{ ref("retention_monthly") }}
),

months as (
    select * from {{ ref("int_months_dated") }}
),

loads as (
    select * from {{ ref("stg_ops__loads") }}
),

measurable as (
    select count(*) > 0 as is_measurable
    from loads
    where entity = 'campaign_spend'
),

spent as (
    {%- for calendar in ["gregorian", "jalali"] %}
    select
        '{{ calendar }}' as calendar,
        dates.{{ calendar }}_month_starts_on as starts_on,
        spend.purpose,
        sum(spend.amount_base) as spend,
        count(case when spend.amount_base is null then 1 end) as spend_rows_without_rate
    from spend
    inner join dates on spend.spend_date = dates.day
    group by dates.{{ calendar }}_month_starts_on, spend.purpose
    {{- " union all" if not loop.last }}
    {%- endfor %}
),

-- Spending to win is held against the customers who came, spending to keep against those who were
-- there and bought again.
kept as (
    select
        calendar,
        starts_on,
        'acquisition' as purpose,
        new_buyers as customers
    from retention

    union all

    select
        calendar,
        starts_on,
        'retention' as purpose,
        returning_buyers as customers
    from retention
),

joined as (
    select
        coalesce(kept.calendar, spent.calendar) as calendar,
        coalesce(kept.starts_on, spent.starts_on) as starts_on,
        coalesce(kept.purpose, spent.purpose) as purpose,
        coalesce(kept.customers, 0) as customers,
        coalesce(spent.spend, 0) as spend,
        coalesce(spent.spend_rows_without_rate, 0) as spend_rows_without_rate
    from kept
    full outer join spent
        on kept.calendar = spent.calendar
            and kept.starts_on = spent.starts_on
            and kept.purpose = spent.purpose
),

final as (
    select
        {{ run_columns() }},
        joined.calendar,
        months.month,
        joined.starts_on,
        months.next_starts_on <= {{ days_after(as_of_date(), 1) }} as is_month_complete,
        joined.purpose,
        measurable.is_measurable,
        case when measurable.is_measurable then joined.spend end as spend,
        case
            when measurable.is_measurable then cast(joined.spend_rows_without_rate as integer)
        end as spend_rows_without_rate,
        cast(joined.customers as integer) as customers,
        case
            when measurable.is_measurable then round(joined.spend / nullif(joined.customers, 0), 2)
        end as cost_each
    from joined
    cross join measurable
    inner join months
        on joined.calendar = months.calendar and joined.starts_on = months.starts_on
)

select * from final
