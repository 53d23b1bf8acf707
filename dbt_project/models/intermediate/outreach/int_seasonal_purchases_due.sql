{# The window: the coming `seasonal_lead_days` days, and the same days of earlier Jalali years. #}
with years as (
    select * from {{ ref("jalali_years") }}
),

this_year as (
    select
        jalali_year,
        {{ days_between("starts_on", as_of_date()) }} as days_into_year
    from years
    where {{ as_of_date() }} >= starts_on
        and {{ as_of_date() }} < {{ days_after("starts_on", "days") }}
),

windows as (
    select
        years.jalali_year,
        {{ days_after("years.starts_on", "this_year.days_into_year + 1") }} as opens_on,
        {{ days_after(
            "years.starts_on", "this_year.days_into_year + " ~ var("seasonal_lead_days")
        ) }} as closes_on
    from years
    cross join this_year
    where years.jalali_year < this_year.jalali_year
),

purchase_days as (
    select
        customer_key,
        day
    from {{ ref("int_customer_days_summarized") }}
    where valid_orders > 0
),

customers as (
    select * from {{ ref("int_customers_measured") }}
    where purchase_days >= {{ var("seasonal_min_years") }}
        and days_since_last_purchase >= {{ var("seasonal_lead_days") }}
),

seasonal as (
    select
        purchase_days.customer_key,
        count(*) as days_in_season,
        count(distinct windows.jalali_year) as years_in_season
    from purchase_days
    inner join windows
        on purchase_days.day >= windows.opens_on and purchase_days.day <= windows.closes_on
    group by purchase_days.customer_key
    having count(distinct windows.jalali_year) >= {{ var("seasonal_min_years") }}
),

season as (
    select
        case
            when days_into_year + {{ var("seasonal_lead_days") }} >= 365 then 'nowruz'
            when 275 between days_into_year + 1 and days_into_year + {{ var("seasonal_lead_days") }}
                then 'yalda'
            when 186 between days_into_year + 1 and days_into_year + {{ var("seasonal_lead_days") }}
                then 'mehr'
            else 'same_season'
        end as code
    from this_year
),

final as (
    select
        'seasonal' as list_name,
        seasonal.customer_key,
        cast(least(1.0, 1.0 * seasonal.days_in_season / customers.purchase_days) as numeric)
            as score,
        0 as urgency,
        concat(
            'در ', seasonal.years_in_season, ' سال گذشته نزدیک ', words.words_fa,
            ' خرید کرده است و امسال هنوز نه.'
        ) as reasons_fa,
        concat(
            'Bought around ', words.words_en, ' in ', seasonal.years_in_season,
            ' earlier years, and not yet this year.'
        ) as reasons_en,
        cast(null as {{ text_type() }}) as order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from seasonal
    inner join customers on seasonal.customer_key = customers.customer_key
    cross join season
    inner join {{ ref("reason_words") }} as words
        on words.topic = 'season' and season.code = words.code
    where 1.0 * seasonal.days_in_season / customers.purchase_days >= {{ var("seasonal_min_share") }}
)

select * from final
