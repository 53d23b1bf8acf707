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
