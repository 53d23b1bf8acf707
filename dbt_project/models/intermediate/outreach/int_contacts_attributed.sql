with contacts as (
    select * from {{ ref("stg_shop__contacts_made") }}
),

links as (
    select * from {{ ref("int_identity_links") }}
),

final as (
    select
        contacts.contact_key,
        links.customer_key,
        contacts.channel,
        contacts.list_name,
        contacts.sent_on,
        contacts.outcome
    from contacts
    left join links on contacts.account_key = links.identity_key
)

select * from final
