-- Customers whose sums a build that goes on computes again: those with other days than before, and
-- those of whom a day has left the monetary window. Empty when everything is computed anew.
with final as (
    {%- if is_anew() %}
    select cast(null as {{ text_type() }}) as customer_key
    from {{ ref("int_customer_days_summarized") }}
    where false
    {%- else %}
    select customer_key
    from {{ ref("int_customers_changed") }}
    where {{ logged_now() }}

    union distinct

    select customer_key
    from {{ ref("int_customer_days_summarized") }}
    where customer_key is not null
        and day > {{ days_after(state_date(), "-" ~ var("monetary_window_days")) }}
        and day <= {{ days_after(as_of_date(), "-" ~ var("monetary_window_days")) }}
    {%- endif %}
)

select * from final
