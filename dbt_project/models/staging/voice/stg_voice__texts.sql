{# Every version of every text by the hash of its content, as `voice.text_hash` defines it. A view:
   only the versions that a model joins are hashed. #}
with tickets as (
    select
        'tickets' as entity,
        concat(_source, '/', ticket_id) as text_key,
        {{ text_hash(["subject", "body", "satisfaction_comment"]) }} as text_hash,
        _load_id as load_id
    from {{ source("raw", "tickets") }}
    where _known_from <= {{ as_of_date() }} and not _is_deleted
),

mentions as (
    select
        'mentions' as entity,
        concat(_source, '/', mention_id) as text_key,
        {{ text_hash(["text"]) }} as text_hash,
        _load_id as load_id
    from {{ source("raw", "mentions") }}
    where _known_from <= {{ as_of_date() }} and not _is_deleted
),

surveys as (
    select
        'surveys' as entity,
        concat(_source, '/', survey_id) as text_key,
        {{ text_hash(["comment"]) }} as text_hash,
        _load_id as load_id
    from {{ source("raw", "surveys") }}
    where _known_from <= {{ as_of_date() }} and not _is_deleted and trim(comment) <> ''
),

final as (
    select * from tickets
    union all
    select * from mentions
    union all
    select * from surveys
)

select * from final
