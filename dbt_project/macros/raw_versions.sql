{# The rows of a raw table as the warehouse knew them at the end of `as_of_date`: of each source and
   key the latest version, unless that version says the row is gone. `by_change` says that the time
   of change outranks the order of arrival; an event's own time does not. `pending` says that a build
   which goes on from an earlier one is to see only the rows that are pending.

   A load brings a key at most once, so of a big first load only the keys that came again later have
   versions to be compared: sorting ten million rows to find ten million latest ones takes minutes. #}
{% macro latest_versions(entity, by_change=true, pending=false) -%}
    {%- set only_pending = pending and var("state_run_id") | int > 0 -%}
    {%- set big_loads = [] if only_pending else big_loads(entity) %}
    {%- set again -%}
        select _source, _key
        from {{ source("raw", entity) }}
        where _known_from <= {{ as_of_date() }}
            and _load_id not in ({{ big_loads | join(", ") }})
    {%- endset -%}
    select *
    from (
        select
            versions.*,
            row_number() over (
                partition by versions._source, versions._key
                order by
                    {{ "versions._changed_at desc nulls last, " if by_change }}versions._load_id desc
            ) as version_rank
        from {{ source("raw", entity) }} as versions
        {%- if only_pending %}
        inner join {{ ref("stg_ops__rows_pending") }} as pending
            on
                pending.entity = '{{ entity }}'
                and versions._source = pending._source
                and versions._key = pending._key
        {%- endif %}
        where versions._known_from <= {{ as_of_date() }}
        {%- if big_loads %}
            and (versions._source, versions._key) in ({{ again }})

        union all

        select
            versions.*,
            1 as version_rank
        from {{ source("raw", entity) }} as versions
        left join ({{ again }}) as again
            on versions._source = again._source and versions._key = again._key
        where versions._known_from <= {{ as_of_date() }}
            and versions._load_id in ({{ big_loads | join(", ") }})
            and again._key is null
        {%- endif %}
    ) as ranked
    where version_rank = 1 and not _is_deleted
{%- endmacro %}

{# The moments at which rows of an entity that landed earlier come to say something new: what lies
   after the day is not known on it (each staging model's own conditions), so a build of a later day
   must look at the row again. #}
{% macro takes_effect_at(entity) -%}
    {%- set moments = {
        "orders": ["ordered_at"],
        "customers": ["created_at", "updated_at", "deleted_at"],
        "payments": ["attempted_at"],
        "refunds": ["requested_at", "completed_at"],
        "shipments": ["shipped_at", "delivered_at"],
        "tickets": ["created_at"],
        "ticket_events": ["occurred_at"],
        "mentions": ["created_at", "deleted_at"],
        "web_events": ["occurred_at"],
        "subscriptions": ["started_at", "renewal_changed_at", "ended_at"],
        "surveys": ["asked_at", "answered_at"],
        "contacts_made": ["sent_at"],
        "erasures": ["requested_at"],
    }.get(entity, []) -%}
    {%- if entity == "customers" -%}
        {%- for channel in var("outreach_channels") -%}
            {%- do moments.append(
                "cast(" ~ json_text("consents", [channel, "at"]) ~ " as " ~ instant_type() ~ ")"
            ) -%}
        {%- endfor -%}
    {%- elif entity in ["exchange_rates", "campaign_spend"] -%}
        {%- set day = "rate_date" if entity == "exchange_rates" else "spend_date" -%}
        {%- do moments.append(adapter.dispatch("start_of_business_day")(day)) -%}
    {%- endif -%}
    {{ return(moments) }}
{%- endmacro %}

{# Whether a raw row is of a load that the state has not taken in (`fresh`), or of one that it has
   (`applied`) and has come into effect since the state's day. #}
{% macro is_pending(entity, fresh, applied) -%}
    {%- if not fresh and not applied -%}
    false
    {%- else -%}
    _load_id in ({{ (fresh + applied) | join(", ") }})
        and (
            {{ "_load_id in (" ~ (fresh | join(", ")) ~ ")" if fresh else "false" }}
            {%- for moment in takes_effect_at(entity) %}
            or (
                {{ moment }} >= {{ end_of_state_date() }}
                and {{ moment }} < {{ end_of_as_of_date() }}
            )
            {%- endfor %}
        )
    {%- endif -%}
{%- endmacro %}
