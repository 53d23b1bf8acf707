{# No ticket is lost on the way to the marts, and none counts twice; nor is a post. #}
with staged as (
    select count(*) as tickets
    from {{ ref("stg_help_desk__tickets") }}
),

timed as (
    select count(*) as tickets
    from {{ ref("int_tickets_timed") }}
),

posted as (
    select count(*) as posts
    from {{ ref("int_mentions_attributed") }}
),

counted as (
    select
        coalesce(sum(tickets), 0) as tickets,
        coalesce(sum(social_posts), 0) as posts
    from {{ ref("service_daily") }}
)

select
    staged.tickets as staged_tickets,
    timed.tickets as timed_tickets,
    counted.tickets as counted_tickets,
    posted.posts as staged_posts,
    counted.posts as counted_posts
from staged
cross join timed
cross join posted
cross join counted
where staged.tickets <> counted.tickets
    or timed.tickets <> counted.tickets
    or posted.posts <> counted.posts
