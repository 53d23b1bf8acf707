with classes as (
    select * from {{ source("voice", "classes") }}
),

days as (
    select * from {{ source("voice", "days") }}
),

-- A day that was never classified reads the classes of the last one before it.
in_force as (
    select version
    from days
    where as_of_date <= {{ as_of_date() }}
    order by as_of_date desc
    limit 1
),

final as (
    select
        classes.text_hash,
        classes.version,
        classes.language,
        classes.kind,
        classes.topic,
        classes.sentiment,
        classes.sentiment_score,
        classes.competitor,
        classes.classified_by
    from classes
    inner join in_force on classes.version = in_force.version
)

select * from final
