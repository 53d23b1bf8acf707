{# An account's key: ids of two sources never meet. #}
{% macro account_key(source, customer_id) -%}
    case
        when nullif(trim({{ customer_id }}), '') is not null
            then concat('account:', {{ source }}, '/', trim({{ customer_id }}))
    end
{%- endmacro %}

{# Any other key, by its kind; null stays null. #}
{% macro contact_key(kind, value) -%}
    case when {{ value }} is not null then concat('{{ kind }}:', {{ value }}) end
{%- endmacro %}

{# The kinds of keys, the strongest first; all but the account's are contacts. #}
{% macro key_kinds() -%}
    {{ return(["account", "email", "phone", "handle", "visitor"]) }}
{%- endmacro %}

{% macro contact_kinds() -%}
    {{ return(["email", "phone", "handle", "visitor"]) }}
{%- endmacro %}

{# One key for an entity and the keys its record carries. Each key comes with its length, so that no
   text a customer types can look like two keys. #}
{% macro key_set_key(entity="entity") -%}
    {%- set parts = [entity] -%}
    {%- for kind in key_kinds() -%}
        {%- do parts.append(
            "concat('|', length(" ~ kind ~ "_key), '|', " ~ kind ~ "_key)"
        ) -%}
    {%- endfor -%}
    {{ dbt.hash("concat(" ~ parts | join(", ") ~ ")") }}
{%- endmacro %}

{# Nothing that stands for a key of a kind a record cannot carry. #}
{% macro no_key() -%}
    cast(null as {{ text_type() }})
{%- endmacro %}

{# Rows of an incremental table written since the last clean build. #}
{% macro since_state(column="changed_in_run") -%}
    {{ column }} > {{ var("state_run_id") | int }}
{%- endmacro %}

{# A further condition: of a kind's keys only those that the night may have changed. #}
{% macro and_changed(kind) -%}
    {%- if not is_anew() -%}
    and {{ kind }}_key in (
        select changed.identity_key
        from {{ ref("int_identity_keys_changed") }} as changed
        where changed.key_kind = '{{ kind }}'
    )
    {%- endif -%}
{%- endmacro %}

{# Every version of the rows of raw.<entity> that a night has to look at (none in a build anew), and
   whether it is the row as known now. `exists_when` is what staging asks of a row beside that. #}
{% macro pending_versions(entity, exists_when, by_change=true) -%}
    select
        versions.*,
        row_number() over (
            partition by versions._source, versions._key
            order by {{ "versions._changed_at desc nulls last, " if by_change }}versions._load_id desc
        ) = 1
        and not versions._is_deleted
        and {{ exists_when }} as is_current
    from {{ source("raw", entity) }} as versions
    inner join {{ ref("stg_ops__rows_pending") }} as pending
        on
            versions._source = pending._source
            and versions._key = pending._key
            and pending.entity = '{{ entity }}'
    where versions._known_from <= {{ as_of_date() }}
        and {{ "false" if is_anew() else "true" }}
{%- endmacro %}

{# A visitor of one source's pages. #}
{% macro visitor_key(source, visitor_id) -%}
    case
        when nullif(trim({{ visitor_id }}), '') is not null
            then concat('visitor:', {{ source }}, '/', trim({{ visitor_id }}))
    end
{%- endmacro %}

{# A handle as accounts record it, network:handle. #}
{% macro recorded_handle_key(handle) -%}
    {{ contact_key("handle", normalised_handle("split_part(" ~ handle ~ ", ':', 1)", handle)) }}
{%- endmacro %}

{# Whose accounts the tickets of a source name: its own, or those of `ticket_accounts_from`. #}
{% macro ticket_account_source(source) -%}
    {{ "'" ~ var("ticket_accounts_from") ~ "'" if var("ticket_accounts_from") else source }}
{%- endmacro %}

{# What makes two records one key set. #}
{% macro key_set_columns() -%}
    {%- set columns = ["entity"] -%}
    {%- for kind in key_kinds() -%}{%- do columns.append(kind ~ "_key") -%}{%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{# The first key of a set: what a join of sets begins with. Of a column that has statistics the planner
   knows that few rows share a value; of expressions it would expect many, and sort everything. #}
{% macro first_key(prefix="") -%}
    coalesce(
        {%- for kind in key_kinds() -%}
        {{ prefix }}{{ kind }}_key{{ ", " if not loop.last }}
        {%- endfor -%}
    )
{%- endmacro %}

{# Key sets, one row for each key they hold. #}
{% macro long_keys(relation, kinds, columns=[]) -%}
    {%- for kind in kinds %}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        {{ kind }}_key as identity_key,
        '{{ kind }}' as key_kind
    from {{ relation }}
    where {{ kind }}_key is not null
    {{- "\n\n    union all\n" if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Rows that the model's own table holds already, joined as `known`; in a build anew, none. #}
{% macro known_before(relation, key) -%}
    {%- if not is_anew() -%}
    left join {{ this }} as known on {{ relation }}.{{ key }} = known.{{ key }}
    {%- endif -%}
{%- endmacro %}

{# The run since which a key is in the table: one that stays keeps it. #}
{% macro in_table_since_run() -%}
    {%- if is_anew() -%}
    {{ changed_in_run() }}
    {%- else -%}
    coalesce(known.changed_in_run, {{ var("run_id") | int }}) as changed_in_run
    {%- endif -%}
{%- endmacro %}

{# The run that changed a link last: one that stays as it was keeps it. #}
{% macro linked_since_run() -%}
    {%- if is_anew() -%}
    {{ changed_in_run() }}
    {%- else -%}
    case
        when known.customer_key = resolved.customer_key
            and known.first_seen_on = resolved.first_seen_on
            then known.changed_in_run
        else cast({{ var("run_id") | int }} as bigint)
    end as changed_in_run
    {%- endif -%}
{%- endmacro %}

{# A key as a corrections file names it, by kind and value, in its normal form; null when it cannot
   be one. #}
{% macro typed_key(kind, value) -%}
    case {{ kind }}
        when 'account' then {{ contact_key("account", value) }}
        when 'email' then {{ contact_key("email", normalised_email(value)) }}
        when 'phone' then {{ contact_key("phone", international_phone(dialled(value))) }}
        when 'handle'
            then {{ contact_key(
                "handle", normalised_handle("split_part(" ~ value ~ ", ':', 1)", value)
            ) }}
        when 'visitor' then {{ contact_key("visitor", value) }}
    end
{%- endmacro %}

{# Whose each key is, among all keys or those a night has touched. #}
{% macro identity_links_resolved() -%}
with ties as (
    select *
    from {{ ref("int_identity_ties") }}
    {%- if not is_anew() %}
    where identity_key in (select identity_key from {{ ref("int_identity_touched") }})
    {%- endif %}
),

clusters as (
    select * from {{ ref("int_identity_clusters") }}
),

keys as (
    select
        identity_key,
        min(key_kind) as key_kind,
        min(first_seen_at) as first_seen_at,
        max(is_shop_record) as is_shop_record,
        min(anchor_key) as anchor_key,
        min(anchor_key) = max(anchor_key) as has_one_anchor,
        bool_or(anchor_key = identity_key) as is_anchor,
        bool_or(is_decided) as is_decided
    from ties
    group by identity_key
),

-- A cluster that is not merged falls apart into its records; a key of several records is nobody's.
rooted as (
    select
        keys.*,
        case
            when clusters.broken_because is null
                then coalesce(clusters.cluster_key, keys.anchor_key)
            when keys.is_anchor then keys.identity_key
            when keys.has_one_anchor then keys.anchor_key
        end as root_key
    from keys
    left join clusters on keys.anchor_key = clusters.anchor_key
),

-- A person is named after the key that was seen first, so that a later key changes no name.
people as (
    select
        root_key,
        min(first_seen_at) as first_seen_at
    from rooted
    where root_key is not null
    group by root_key
    having max(is_shop_record) = 1
),

named as (
    select
        rooted.root_key,
        min(rooted.identity_key) as first_key
    from rooted
    inner join people
        on rooted.root_key = people.root_key and rooted.first_seen_at = people.first_seen_at
    group by rooted.root_key
),

final as (
    select
        rooted.identity_key,
        rooted.key_kind,
        {{ dbt.hash("concat('" ~ env_var("MOSHTARI_CUSTOMER_KEY_SALT", "") ~ "', named.first_key)") }}
            as customer_key,
        case
            when rooted.is_decided then 'decided'
            when rooted.identity_key = named.first_key then 'first_key'
            else concat('exact_', rooted.key_kind)
        end as rule_id,
        2 as rule_version,
        {{ business_date("rooted.first_seen_at") }} as first_seen_on
    from rooted
    inner join named on rooted.root_key = named.root_key
)

select * from final
{%- endmacro %}

{# The keys one edge away from a key; an anchor is beside itself. The view is named here, and not in a
   common table expression, which PostgreSQL would write out whole. #}
{% macro steps_from(key) -%}
    select ties.identity_key as to_key
    from {{ ref("int_identity_ties_stated") }} as ties
    where ties.anchor_key = {{ key }}
    union all
    select ties.anchor_key as to_key
    from {{ ref("int_identity_ties_stated") }} as ties
    where ties.identity_key = {{ key }}
{%- endmacro %}
