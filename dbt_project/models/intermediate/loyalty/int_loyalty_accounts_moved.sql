-- Customers whose account a build that goes on computes again: those with other days than before,
-- and those of whom a day has left the window of the tier or the time for which points hold. Empty
-- when everything is computed anew.
{%- if is_anew() %}
select customer_key from {{ ref("int_customer_days_summarized") }}
where false
{%- else %}
with days as (
    select * from {{ ref("int_customer_days_summarized") }}
    where customer_key is not null
),

final as (
    select customer_key from {{ ref("int_customers_changed") }}
    where {{ logged_now() }}
    {%- for passed in [var("loyalty_window_days"), var("points_valid_days")] %}

    union distinct

    select customer_key from days
    where day > {{ days_after("cast('" ~ var("state_date") ~ "' as date)", "-" ~ passed) }}
        and day <= {{ days_after(as_of_date(), "-" ~ passed) }}
    {%- endfor %}
)

select * from final
{%- endif %}
