{# The reasons of the return score in words, over the columns of `int_customers_expected`. #}

{# Whether there is a fact to tell: who never complained has no complaint to name as a reason. #}
{% macro reason_can_be_told(reason) -%}
    {{- {
        "spend": "spends_less",
        "complaints": "complaints > 0",
        "sentiment": "sentiment < 0",
        "delivery": "late_deliveries > 0",
        "replies": "reply_hours >= 1",
        "season": "same_season_purchase_days = 0 and age_days >= 365",
    }.get(reason, "true") -}}
{%- endmacro %}

{# 1 for the reason that lowers the score most; reasons that are not told rank last. #}
{% macro reason_rank(reason) -%}
    {%- set reasons = score_reasons() | list -%}
    {%- set place = reasons.index(reason) -%}
    1
    {%- for other in reasons if other != reason %}
    + case
        when {{ other }}_lowers {{ "<=" if reasons.index(other) < place else "<" }} {{ reason }}_lowers
            then 1
        else 0
    end
    {%- endfor %}
{%- endmacro %}

{# Up to three reasons, the weightiest first, as one text; null without any. #}
{% macro reasons_in_words(language) -%}
    {%- set separator = "؛ " if language == "fa" else "; " -%}
    nullif(
        concat(
            {%- for place in [1, 2, 3] %}
            case
                {%- for reason in score_reasons() %}
                when {{ reason }}_rank = {{ place }}
                    then concat(
                        {{ "'" ~ separator ~ "', " if place > 1 }}{{ reason_words(reason, language) }}
                    )
                {%- endfor %}
            end{{ "," if not loop.last }}
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}

{# A whole number as people read it, with separators between thousands. #}
{% macro grouped_number(number, language) -%}
    {%- set plain = adapter.dispatch("grouped_number")(number) -%}
    {%- if language == "fa" -%}
        translate({{ plain }}, '0123456789,', '۰۱۲۳۴۵۶۷۸۹٬')
    {%- else -%}
        {{ plain }}
    {%- endif -%}
{%- endmacro %}

{% macro default__grouped_number(number) -%}
    to_char(round(cast({{ number }} as numeric)), 'FM999,999,999,999,990')
{%- endmacro %}

{% macro spark__grouped_number(number) -%}
    format_number({{ number }}, 0)
{%- endmacro %}

{# 1 day, 2 days. #}
{% macro counted(number, one, many) -%}
    concat({{ grouped_number(number, "en") }}, case when {{ number }} = 1 then ' {{ one }}' else ' {{ many }}' end)
{%- endmacro %}

{% macro reason_words(reason, language) -%}
    {%- if language == "fa" -%}
        {{ adapter.dispatch("reason_in_persian")(reason) }}
    {%- else -%}
        {{ adapter.dispatch("reason_in_english")(reason) }}
    {%- endif -%}
{%- endmacro %}

{% macro default__reason_in_english(reason) -%}
    {%- set window = var("score_window_days") -%}
    {%- if reason == "silence" -%}
    case
        when frequency = 0 then concat('last bought ', {{ counted("days_since_last_purchase", "day", "days") }}, ' ago')
        else concat(
            'last bought ', {{ counted("days_since_last_purchase", "day", "days") }},
            ' ago and usually buys every ',
            case
                when round(own_gap_days) > 1
                    then concat({{ grouped_number("own_gap_days", "en") }}, ' days')
                else 'day'
            end
        )
    end
    {%- elif reason == "habit" -%}
    case
        when frequency = 0 then 'has bought on one day only'
        else concat(
            'has bought on ', {{ grouped_number("purchase_days", "en") }}, ' days in ',
            {{ counted("age_days", "day", "days") }} , ' as a customer'
        )
    end
    {%- elif reason == "spend" -%}
    concat(
        'has spent only ', {{ grouped_number("net_revenue", "en") }}, ' ', {{ base_currency() }}, ' in all'
    )
    {%- elif reason == "complaints" -%}
    concat(
        {{ counted("complaints", "complaint", "complaints") }}, ' in the last {{ window }} days',
        case when open_complaints > 0 then concat(', ', {{ grouped_number("open_complaints", "en") }}, ' still open') end
    )
    {%- elif reason == "sentiment" -%}
    'its messages to the shop are unhappy ones'
    {%- elif reason == "delivery" -%}
    concat({{ counted("late_deliveries", "late delivery", "late deliveries") }}, ' in the last {{ window }} days')
    {%- elif reason == "replies" -%}
    concat('waited ', {{ counted("round(reply_hours)", "hour", "hours") }}, ' for a first reply, on average')
    {%- elif reason == "season" -%}
    'did not buy at this time last year'
    {%- endif -%}
{%- endmacro %}

{% macro default__reason_in_persian(reason) -%}
    {%- set window = persian_number(var("score_window_days")) -%}
    {%- if reason == "silence" -%}
    case
        when frequency = 0
            then concat('آخرین خریدش ', {{ grouped_number("days_since_last_purchase", "fa") }}, ' روز پیش بوده است')
        else concat(
            'آخرین خریدش ', {{ grouped_number("days_since_last_purchase", "fa") }},
            ' روز پیش بوده و معمولاً ',
            case
                when round(own_gap_days) > 1
                    then concat('هر ', {{ grouped_number("own_gap_days", "fa") }}, ' روز یک بار')
                else 'هر روز'
            end,
            ' خرید می‌کند'
        )
    end
    {%- elif reason == "habit" -%}
    case
        when frequency = 0 then 'تا کنون فقط در یک روز خرید کرده است'
        else concat(
            'در ', {{ grouped_number("age_days", "fa") }}, ' روزی که مشتری است، در ',
            {{ grouped_number("purchase_days", "fa") }}, ' روز خرید کرده است'
        )
    end
    {%- elif reason == "spend" -%}
    concat(
        'در مجموع فقط ', {{ grouped_number("net_revenue", "fa") }},
        ' {{ "ریال" if base_currency() == "'IRR'" else var("base_currency") }} خرید کرده است'
    )
    {%- elif reason == "complaints" -%}
    concat(
        'در {{ window }} روز گذشته ', {{ grouped_number("complaints", "fa") }}, ' شکایت داشته',
        case
            when open_complaints > 0
                then concat(' که ', {{ grouped_number("open_complaints", "fa") }}, ' مورد آن هنوز حل نشده است')
            else ' است'
        end
    )
    {%- elif reason == "sentiment" -%}
    'در پیام‌هایش از فروشگاه ناخشنود است'
    {%- elif reason == "delivery" -%}
    concat('در {{ window }} روز گذشته ', {{ grouped_number("late_deliveries", "fa") }}, ' بار سفارشش دیر رسیده است')
    {%- elif reason == "replies" -%}
    concat('برای نخستین پاسخ پشتیبانی به طور میانگین ', {{ grouped_number("round(reply_hours)", "fa") }}, ' ساعت منتظر مانده است')
    {%- elif reason == "season" -%}
    'پارسال در همین روزها خرید نکرده است'
    {%- endif -%}
{%- endmacro %}

{# A number of the configuration in Persian digits. #}
{% macro persian_number(number) -%}
    {%- for digit in number | string %}{{ "۰۱۲۳۴۵۶۷۸۹"[digit | int] }}{% endfor -%}
{%- endmacro %}
