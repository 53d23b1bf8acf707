{# Scores: fitted in Python, computed in SQL. Each formula stands here once, for the night's scores and
   for the features of the past that a fit is trained on. #}

{# The fit day of a run: the last day of a grid of every `score_refit_days` days, laid on a Monday. #}
{% macro fit_day() -%}
    {%- set grid = "cast('2001-01-01' as date)" -%}
    {{ days_after(
        as_of_date(),
        "-mod(" ~ days_between(grid, as_of_date()) ~ ", " ~ var("score_refit_days") ~ ")"
    ) }}
{%- endmacro %}

{# A customer's place in a sample: 0 to 999, the same on every day. #}
{% macro sample_bucket(customer_key) -%}
    {{ adapter.dispatch("sample_bucket")(customer_key) }}
{%- endmacro %}

{% macro default__sample_bucket(customer_key) -%}
    mod(cast(cast(concat('x', left(md5({{ customer_key }}), 7)) as bit(28)) as integer), 1000)
{%- endmacro %}

{% macro spark__sample_bucket(customer_key) -%}
    mod(conv(left(md5({{ customer_key }}), 7), 16, 10), 1000)
{%- endmacro %}

{# Scores are floats: exact decimals would make logarithms slow and no score better. #}
{% macro as_float(number) -%}
    cast({{ number }} as double precision)
{%- endmacro %}

{# e to a power that never under- or overflows. #}
{% macro bounded_exp(power) -%}
    exp({{ as_float("least(greatest(" ~ power ~ ", -700), 700)") }})
{%- endmacro %}

{# The logarithm of one more, for counts, days and money from nothing up. #}
{% macro log_of_one_more(number) -%}
    ln(1 + {{ as_float(number) }})
{%- endmacro %}

{# A probability from log odds. #}
{% macro logistic(log_odds) -%}
    (1 / (1 + {{ bounded_exp("-(" ~ log_odds ~ ")") }}))
{%- endmacro %}

{# BG/NBD: the probability that the customer is still one; 1 for one-time buyers by construction. #}
{% macro p_alive(frequency, recency_days, age_days) -%}
    case
        when r is null then null
        when {{ frequency }} = 0 then 1.0
        else 1 / (1 + {{ bounded_exp(
            "ln(a) - ln(b + " ~ frequency ~ " - 1) + (r + " ~ frequency ~ ") * (ln(alpha + "
            ~ age_days ~ ") - ln(alpha + " ~ recency_days ~ "))"
        ) }})
    end
{%- endmacro %}

{# BG/NBD: purchases expected in a horizon of a customer that is still one.

   The textbook's Gaussian hypergeometric function is a mean over Beta(a, b + x),
       E = mean of [1 - (1 + p t / (alpha + T)) ^ -(r + x)] / p,
   and the fit publishes nodes and weights (Gauss-Jacobi) that make the mean a sum of 32 or 64
   terms, to more digits than are asked for and with nothing to converge. `histories` is a CTE that holds each
   (fit_day, horizon_days, frequency, age_days) once; `nodes` one of (fit_day, base, next_base, p, weight);
   `parameters` one of (fit_day, r, alpha, a, b). #}
{% macro purchases_if_alive(histories, nodes, parameters) -%}
    select
        weighed.fit_day,
        weighed.frequency,
        weighed.age_days,
        sum(weighed.mass * (1 - {{ bounded_exp(
            "-(weighed.r + weighed.frequency)"
            ~ " * ln(1 + weighed.p * weighed.horizon_days / (weighed.alpha + weighed.age_days))"
        ) }}) / weighed.p) / sum(weighed.mass) as purchases
    from (
        select
            histories.*,
            parameters.r,
            parameters.alpha,
            nodes.p,
            nodes.weight * {{ bounded_exp("(histories.frequency - nodes.base) * ln(1 - nodes.p)") }}
                as mass
        from {{ histories }} as histories
        inner join {{ parameters }} as parameters on histories.fit_day = parameters.fit_day
        inner join {{ nodes }} as nodes
            on
                histories.fit_day = nodes.fit_day
                and histories.frequency >= nodes.base
                and (histories.frequency < nodes.next_base or nodes.next_base is null)
    ) as weighed
    group by weighed.fit_day, weighed.frequency, weighed.age_days
{%- endmacro %}

{# Gamma-gamma: what a purchase day of the customer is expected to bring. #}
{% macro spend_a_purchase(purchase_days, spend) -%}
    gg_p * (gg_v + greatest({{ spend }}, 0)) / (gg_p * {{ purchase_days }} + gg_q - 1)
{%- endmacro %}

{# Terms of the return score: name -> expression over the columns of `int_customer_features` and
   `expected_purchases`. The first are in every fit, those of `optional_terms` where they earn it. #}
{% macro score_terms() -%}
    {%- set own_gap = own_gap_days(
        as_float("frequency"), "recency_days", var("rhythm_default_gap_days")
    ) -%}
    {%- set lateness = log_of_one_more("days_since_last_purchase / " ~ own_gap) -%}
    {{ return({
        "log_recency": log_of_one_more("days_since_last_purchase"),
        "log_frequency": log_of_one_more("frequency"),
        "log_spend": log_of_one_more("greatest(net_revenue, 0)"),
        "log_rhythm": log_of_one_more(own_gap),
        "log_lateness": lateness,
        "log_lateness_squared": "power(" ~ lateness ~ ", 2)",
        "log_activity": log_of_one_more("activity"),
        "log_complaints": log_of_one_more("complaints"),
        "open_complaints": as_float("least(open_complaints, 1)"),
        "sentiment": "sentiment",
        "late_deliveries": log_of_one_more("late_deliveries"),
        "slow_replies": log_of_one_more("reply_hours"),
        "log_age": log_of_one_more("age_days"),
        "log_same_season": log_of_one_more("same_season_purchase_days"),
        "log_expected": "ln(0.01 + " ~ as_float("coalesce(expected_purchases, 0)") ~ ")",
    }) }}
{%- endmacro %}

{# Groups of terms that make one reason: what they say belongs together. #}
{% macro score_reasons() -%}
    {{ return({
        "silence": ["log_recency", "log_rhythm", "log_lateness", "log_lateness_squared"],
        "habit": ["log_frequency", "log_activity", "log_expected", "log_age"],
        "spend": ["log_spend"],
        "complaints": ["log_complaints", "open_complaints"],
        "sentiment": ["sentiment"],
        "delivery": ["late_deliveries"],
        "replies": ["slow_replies"],
        "season": ["log_same_season"],
    }) }}
{%- endmacro %}

{# What was known of each buyer at the end of each cut day: CTEs after one named `cuts` (cut_on,
   fit_day, horizon_days, and buckets: the size of the sample in thousandths). The last of them is
   `features`. Only rows of days up to the cut are read, so that the future cannot leak into a
   training row. #}
{% macro customer_features(sampled=false) -%}
    {%- set window_from = days_after("cuts.cut_on", "-" ~ var("score_window_days")) -%}
    {%- set in_horizon = days_after("cuts.cut_on", "cuts.horizon_days - 365") -%}
days as (
    select * from {{ ref("int_customer_days_summarized") }}
    where customer_key is not null
    {%- if sampled %}
        and (
            (select max(buckets) from cuts) >= 1000
            or {{ sample_bucket("customer_key") }} < (select max(buckets) from cuts)
        )
    {%- endif %}
),

moments as (
    select * from {{ ref("int_customer_moments_dated") }}
),

bought as (
    select
        cuts.cut_on,
        cuts.fit_day,
        cuts.horizon_days,
        days.customer_key,
        count(case when days.valid_orders > 0 then 1 end) as purchase_days,
        min(case when days.valid_orders > 0 then days.day end) as first_purchase_on,
        max(case when days.valid_orders > 0 then days.day end) as last_purchase_on,
        sum(case when days.valid_orders > 0 then days.gross_revenue - days.discounts else 0 end)
            as spend,
        sum(days.net_revenue) as net_revenue,
        sum(
            case when days.valid_orders > 0 then exp(
                {{ as_float(days_between("days.day", "cuts.cut_on")) }}
                / -{{ var("score_activity_days") }}
            ) else 0 end
        ) as activity,
        count(
            case
                when days.valid_orders > 0
                    and days.day > {{ days_after("cuts.cut_on", "-365") }}
                    and days.day <= {{ in_horizon }}
                    then 1
            end
        ) as same_season_purchase_days
    from cuts
    inner join days on cuts.cut_on >= days.day
    group by cuts.cut_on, cuts.fit_day, cuts.horizon_days, days.customer_key
),

felt as (
    select
        cuts.cut_on,
        cuts.fit_day,
        moments.customer_key,
        sum(moments.complaints) as complaints,
        sum(
            case
                when moments.ended_on is null or moments.ended_on > cuts.cut_on
                    then moments.complaints
                else 0
            end
        ) as open_complaints,
        avg(moments.sentiment_score) as sentiment,
        sum(moments.late_deliveries) as late_deliveries,
        avg(moments.reply_hours) as reply_hours
    from cuts
    inner join moments
        on cuts.cut_on >= moments.happened_on and moments.happened_on > {{ window_from }}
    group by cuts.cut_on, cuts.fit_day, moments.customer_key
),

features as (
    select
        bought.cut_on,
        bought.fit_day,
        bought.horizon_days,
        bought.customer_key,
        cast(bought.purchase_days as integer) as purchase_days,
        cast(bought.purchase_days - 1 as integer) as frequency,
        {{ days_between("bought.first_purchase_on", "bought.last_purchase_on") }} as recency_days,
        {{ days_between("bought.first_purchase_on", "bought.cut_on") }} as age_days,
        {{ days_between("bought.last_purchase_on", "bought.cut_on") }}
            as days_since_last_purchase,
        cast(bought.spend as double precision) as spend,
        cast(bought.net_revenue as double precision) as net_revenue,
        cast(bought.activity as double precision) as activity,
        cast(bought.same_season_purchase_days as integer) as same_season_purchase_days,
        cast(coalesce(felt.complaints, 0) as integer) as complaints,
        cast(coalesce(felt.open_complaints, 0) as integer) as open_complaints,
        cast(coalesce(felt.sentiment, 0) as double precision) as sentiment,
        cast(coalesce(felt.late_deliveries, 0) as integer) as late_deliveries,
        cast(coalesce(felt.reply_hours, 0) as double precision) as reply_hours
    from bought
    left join felt
        on
            bought.customer_key = felt.customer_key
            and bought.cut_on = felt.cut_on
            and bought.fit_day = felt.fit_day
    where bought.purchase_days > 0
)
{%- endmacro %}

{# BG/NBD's parameters and nodes as CTEs `bg_nbd` (fit_day, r, alpha, a, b) and `nodes`. A node's term
   is `node:<base>:<number>`, its value p, its reference the weight. #}
{% macro bg_nbd_ctes() -%}
coefficients as (
    select * from {{ source("scores", "coefficients") }}
),

bg_nbd as (
    select
        fit_day
        {%- for name in ["r", "alpha", "a", "b"] %},
        max(case when term = '{{ name }}' then value end) as {{ name }}
        {%- endfor %}
    from coefficients
    where model = 'bg_nbd'
    group by fit_day
),

bases as (
    select
        fit_day,
        term,
        value as base,
        lead(value) over (partition by fit_day order by value) as next_base
    from coefficients
    where model = 'bg_nbd' and term like 'base:%'
),

nodes as (
    select
        coefficients.fit_day,
        bases.base,
        bases.next_base,
        coefficients.value as p,
        coefficients.reference as weight
    from bases
    inner join coefficients
        on
            bases.fit_day = coefficients.fit_day
            and bases.term = concat('base:', {{ dbt.split_part("coefficients.term", "':'", 2) }})
    where coefficients.model = 'bg_nbd' and coefficients.term like 'node:%'
)
{%- endmacro %}

{# A probability for some days as one for the horizon, at a constant chance a day. #}
{% macro within_horizon(probability, outcome_days) -%}
    case
        when {{ outcome_days }} = {{ var("horizon_days") }} then {{ probability }}
        else 1 - power(1 - {{ probability }}, {{ var("horizon_days") }} / {{ outcome_days }})
    end
{%- endmacro %}
