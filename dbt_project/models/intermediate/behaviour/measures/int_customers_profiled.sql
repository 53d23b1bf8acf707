{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out('customer_key in (select customer_key from ' ~ ref('int_customers_reprofiled') ~ ')') }}",
    indexes=[{"columns": ["customer_key"], "unique": true}],
) }}

with all_links as (
    select * from {{ ref("int_identity_links") }}
),

links as (
    select * from all_links
    where true {{ only_in("int_customers_reprofiled") }}
),

accounts as (
    select * from {{ ref("stg_shop__customers") }}
),

erasures as (
    select * from {{ ref("stg_shop__erasures") }}
),

customers as (
    select
        customer_key,
        min(first_seen_on) as first_seen_on
    from links
    group by customer_key
),

linked as (
    select
        links.customer_key,
        accounts.*,
        row_number() over (
            partition by links.customer_key
            order by accounts.is_deleted asc, accounts.updated_at desc, accounts.account_key asc
        ) as account_rank
    from accounts
    inner join links on accounts.account_key = links.identity_key
),

-- What holds for a person if it holds for any of the accounts; the later word on consent counts,
-- and of two at one moment the refusal.
summed as (
    select
        customer_key,
        {%- for channel in var("outreach_channels") %}
        max(case when {{ channel }}_consent = 'granted' then {{ channel }}_consent_at end)
            as {{ channel }}_granted_at,
        max(case when {{ channel }}_consent <> 'granted' then {{ channel }}_consent_at end)
            as {{ channel }}_denied_at,
        {%- endfor %}
        bool_or(is_employee) as is_employee,
        bool_and(is_deleted) as is_deleted
    from linked
    group by customer_key
),

erased as (
    select distinct links.customer_key
    from erasures
    inner join links
        on links.identity_key in (erasures.account_key, erasures.email_key, erasures.phone_key)
),

final as (
    select
        customers.customer_key,
        customers.first_seen_on,
        linked.full_name,
        linked.email,
        linked.phone,
        linked.birth_date,
        linked.gender,
        linked.occupation,
        linked.social_status,
        linked.region,
        linked.city,
        linked.country,
        coalesce(linked.party, 'person') as party,
        linked.organization_name,
        coalesce(summed.is_employee, false) as is_employee,
        coalesce(summed.is_deleted, false) or erased.customer_key is not null as is_erased,
        {%- for channel in var("outreach_channels") %}
        coalesce(
            summed.{{ channel }}_granted_at < {{ end_of_as_of_date() }}
            and (
                summed.{{ channel }}_denied_at is null
                or summed.{{ channel }}_granted_at > summed.{{ channel }}_denied_at
            ),
            false
        ) as has_{{ channel }}_consent,
        {%- endfor %}
        referrers.customer_key as referrer_key
    from customers
    left join linked on customers.customer_key = linked.customer_key and linked.account_rank = 1
    left join summed on customers.customer_key = summed.customer_key
    left join erased on customers.customer_key = erased.customer_key
    left join all_links as referrers on linked.referred_by_account_key = referrers.identity_key
)

select * from final
