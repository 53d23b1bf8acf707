-- Customers whose profile a build that goes on computes again: those with other keys, accounts or
-- referrers than before, and everybody who has asked to be erased. Empty when everything is anew.
{%- if is_anew() %}
select cast(null as {{ text_type() }}) as customer_key
from {{ ref("int_customers_changed") }}
where false
{%- else %}
with links as (
    select * from {{ ref("int_identity_links") }}
),

accounts as (
    select * from {{ ref("stg_shop__customers") }}
),

erasures as (
    select * from {{ ref("stg_shop__erasures") }}
),

links_changed as (
    select * from {{ ref("int_identity_changes") }}
    where {{ logged_since_state() }}
),

final as (
    select customer_key
    from {{ ref("int_customers_changed") }}
    where {{ logged_now() }}

    union distinct

    -- Whoever was introduced by somebody whose key is now another's.
    select links.customer_key
    from links_changed
    inner join accounts on links_changed.identity_key = accounts.referred_by_account_key
    inner join links on accounts.account_key = links.identity_key

    union distinct

    select links.customer_key
    from erasures
    inner join links
        on links.identity_key in (erasures.account_key, erasures.email_key, erasures.phone_key)

    union distinct

    select customer_key from {{ source("state", "int_customers_profiled") }}
    where is_erased
)

select * from final
{%- endif %}
