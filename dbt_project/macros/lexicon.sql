{# One pattern out of the lexicon's terms of a kind, each at the start of a word; the terms are
   normalised like the text they are looked for in. A kind without terms matches nothing. #}
{% macro lexicon_pattern(kind) -%}
    {{ return(adapter.dispatch("lexicon_pattern")(kind)) }}
{%- endmacro %}

{% macro lexicon_term() -%}
    {#- The blank that normalising puts in front marks the word's start; one behind is kept only
        where the term asks for a whole word. -#}
    case
        when is_whole_word then {{ normalised_text("term") }}
        else rtrim({{ normalised_text("term") }})
    end
{%- endmacro %}

{% macro default__lexicon_pattern(kind) -%}
    coalesce(
        string_agg({{ lexicon_term() }}, '|' order by term) filter (where kind = '{{ kind }}'),
        '$.^'
    )
{%- endmacro %}

{% macro spark__lexicon_pattern(kind) -%}
    coalesce(
        nullif(
            array_join(
                array_sort(collect_list({{ lexicon_term() }}) filter (where kind = '{{ kind }}')), '|'
            ),
            ''
        ),
        '$.^'
    )
{%- endmacro %}

{# Identity of a text by its content: the function that the classifier itself asks. #}
{% macro text_hash(columns) -%}
    {{ return(adapter.dispatch("text_hash")(columns)) }}
{%- endmacro %}

{% macro default__text_hash(columns) -%}
    voice.text_hash({{ columns | join(", ") }})
{%- endmacro %}

{% macro spark__text_hash(columns) -%}
    {%- set parts = [] -%}
    {%- for place in range(3) -%}
        {%- do parts.append(
            "coalesce(" ~ columns[place] ~ ", '')" if place < columns | length else "''"
        ) -%}
    {%- endfor -%}
    md5(concat({{ parts | join(", chr(31), ") }}))
{%- endmacro %}

{# Stars as a share of the best; null where there are none: many networks write 0 for that. #}
{% macro rating_share(rating) -%}
    cast(
        case when {{ rating }} > 0 then least({{ rating }} / {{ var("voice_rating_max") }}, 1) end
        as {{ dbt.type_float() }}
    )
{%- endmacro %}
