{# The calendar has every day between its first and its last: a wrong leap year would miss one. #}
select
    min(day) as first_day,
    max(day) as last_day,
    count(*) as days
from {{ ref("calendar") }}
having count(*) <> {{ days_between("min(day)", "max(day)") }} + 1
