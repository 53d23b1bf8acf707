{# Derived forms of what people type. The received text itself is never changed. #}

{# Persian and Arabic digits as Latin ones. #}
{% macro latin_digits(text) -%}
    translate({{ text }}, '۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩', '01234567890123456789')
{%- endmacro %}

{# Latin digits as Persian ones, for words that people read. #}
{% macro persian_digits(text) -%}
    translate({{ text }}, '0123456789', '۰۱۲۳۴۵۶۷۸۹')
{%- endmacro %}

{# Marks that are typed or pasted unseen: joiners, directions, the soft hyphen. #}
{% macro invisible_marks() -%}
    {{ "\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\u00ad" }}
{%- endmacro %}

{# Something typed as one word: lower case, Latin digits, nothing unseen, no space at the ends. #}
{% macro typed_word(text) -%}
    {%- set spaces = "\t\n\r\u00a0" -%}
    trim(translate(
        {{ latin_digits("lower(" ~ text ~ ")") }},
        '{{ spaces ~ "\u200c" ~ invisible_marks() }}',
        '{{ " " * (spaces | length) }}'
    ))
{%- endmacro %}

{# Lower case, one form for each Persian letter, no vowel signs, and a space for every mark that is
   neither letter nor digit: made for matching words, so both ends carry a space as well. #}
{% macro normalised_text(text) -%}
    {%- set marks = ".,!?؟،؛:;()[]{}«»\"'-_/#*…\u200c\u00a0\t\n\r" -%}
    {%- set unlike = "يىكڪةۀہھەأإآؤ" -%}
    {%- set alike = "ییککهههههاااو" -%}
    {%- set dropped = "ًٌٍَُِّْٰـ" ~ invisible_marks() -%}
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
    {%- set trimmed = typed_word(email) -%}
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
   be one. A number without a country belongs to `default_calling_code`; zeros that a country's
   numbers have only within it are left out. #}
{% macro international_phone(dialled) -%}
    {%- set code = var("default_calling_code") -%}
    {%- set digits = "replace(" ~ dialled ~ ", '+', '')" -%}
    {%- set significant = "trim(leading '0' from " ~ digits ~ ")" -%}
    {%- set rest = "trim(leading '0' from substr(" ~ significant ~ ", " ~ (code | length + 1) ~ "))" -%}
    case
        when {{ dialled }} is null or length({{ digits }}) < 8 then null
        when length({{ significant }}) < 6 then null
        -- Of this country, without its code: 0912..., or 912... as spreadsheets leave it.
        when (
                {{ digits }} like '0%' and {{ digits }} not like '00%' and {{ dialled }} not like '+%'
            )
            or (
                {{ digits }} not like '0%'
                and {{ dialled }} not like '+%'
                and length({{ digits }}) <= 10
            )
            then concat('+{{ code }}', {{ significant }})
        when {{ significant }} like '{{ code }}%'
            then
                case
                    when length({{ rest }}) >= 6 then concat('+{{ code }}', {{ rest }})
                end
        when length({{ significant }}) >= 8 then concat('+', {{ significant }})
    end
{%- endmacro %}

{# network:handle in lower case, without a leading @, whether or not the handle names its network. #}
{% macro normalised_handle(network, handle) -%}
    {%- set place = typed_word(network) -%}
    {%- set plain = typed_word(handle) -%}
    {%- set name -%}
        trim(both '@ ' from
            case
                when {{ dbt.split_part(plain, "':'", 1) }} = {{ place }}
                    then substr({{ plain }}, length({{ place }}) + 2)
                else {{ plain }}
            end
        )
    {%- endset -%}
    case when {{ name }} <> '' then concat({{ place }}, ':', {{ name }}) end
{%- endmacro %}
