{# Derived forms of what people type. The received text itself is never changed. #}

{# Persian and Arabic digits as Latin ones. #}
{% macro latin_digits(text) -%}
    translate({{ text }}, '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', '01234567890123456789')
{%- endmacro %}

{# Latin digits as Persian ones, for words that people read. #}
{% macro persian_digits(text) -%}
    translate({{ text }}, '0123456789', '۰۱۲۳۴۵۶۷۸۹')
{%- endmacro %}

{# Lower case, one form for each Persian letter, no vowel signs, and a space for every mark that is
   neither letter nor digit: made for matching words, so both ends carry a space as well. #}
{% macro normalised_text(text) -%}
    {%- set marks = ".,!?؟،؛:;()[]{}«»\"'-_/#*…\u200c\t\n\r" -%}
    {%- set unlike = "يىكةۀأإآؤ" -%}
    {%- set alike = "ییکههاااو" -%}
    {%- set dropped = "ًٌٍَُِّْٰـ" -%}
    concat(' ', translate(
        {{ latin_digits("lower(" ~ text ~ ")") }},
        '{{ unlike }}{{ marks | replace("'", "''") }}{{ dropped }}',
        '{{ alike }}{{ " " * (marks | length) }}'
    ), ' ')
{%- endmacro %}

{# A name as a key to compare by: null when nothing is left of it. #}
{% macro normalised_name(text) -%}
    nullif(replace({{ normalised_text(text) }}, ' ', ''), '')
{%- endmacro %}

{# An address as a key; null when it cannot be one. Dots and plus count, unless configured. #}
{% macro normalised_email(email) -%}
    {%- set trimmed = "lower(trim(" ~ email ~ "))" -%}
    case
        when {{ trimmed }} like '%_@_%._%'
            and {{ trimmed }} not like '%@%@%'
            and {{ trimmed }} not like '% %'
            then
    {%- if var("email_ignores_dots_and_plus") %}
                concat(
                    replace(
                        {{ dbt.split_part(dbt.split_part(trimmed, "'@'", 1), "'+'", 1) }}, '.', ''
                    ),
                    '@',
                    {{ dbt.split_part(trimmed, "'@'", 2) }}
                )
    {%- else %}
                {{ trimmed }}
    {%- endif %}
    end
{%- endmacro %}

{# What is left of a phone number before it is read: Latin digits and plus signs. #}
{% macro dialled(phone) -%}
    {{ without_matches(latin_digits(phone), "'[^0-9+]'") }}
{%- endmacro %}

{# A number as dialled (see above) in its international form, +989121234567; null when too short to
   be one. A number without a country belongs to `default_calling_code`. #}
{% macro international_phone(dialled) -%}
    {%- set code = var("default_calling_code") -%}
    case
        when {{ dialled }} is null or length({{ dialled }}) < 8 then null
        when {{ dialled }} like '+{{ code }}0%'
            then concat('+{{ code }}', substr({{ dialled }}, {{ code | length + 3 }}))
        when {{ dialled }} like '+%' then {{ dialled }}
        when {{ dialled }} like '00{{ code }}0%'
            then concat('+{{ code }}', substr({{ dialled }}, {{ code | length + 4 }}))
        when {{ dialled }} like '00%' then concat('+', substr({{ dialled }}, 3))
        when {{ dialled }} like '0%' then concat('+{{ code }}', substr({{ dialled }}, 2))
        when {{ dialled }} like '{{ code }}%' and length({{ dialled }}) >= {{ 10 + code | length }}
            then concat('+', {{ dialled }})
        when length({{ dialled }}) <= 10 then concat('+{{ code }}', {{ dialled }})
        else concat('+', {{ dialled }})
    end
{%- endmacro %}

{# network:handle in lower case, without a leading @, whether or not the handle names its network. #}
{% macro normalised_handle(network, handle) -%}
    {%- set plain = "lower(trim(" ~ handle ~ "))" -%}
    case
        when nullif(trim(both '@ ' from {{ plain }}), '') is null then null
        when {{ plain }} like concat(lower({{ network }}), ':%')
            then concat(
                lower({{ network }}),
                ':',
                trim(leading '@' from substr({{ plain }}, length({{ network }}) + 2))
            )
        else concat(lower({{ network }}), ':', trim(leading '@' from {{ plain }}))
    end
{%- endmacro %}
