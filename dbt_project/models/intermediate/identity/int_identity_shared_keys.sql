{# Keys that say too little to tie people together: they are followed by nobody. #}

with key_sets as (
    select * from {{ ref("int_identity_key_sets") }}
),

names as (
    select
        account_key,
        min(name_key) as name_key
    from key_sets
    where name_key is not null
    group by account_key
),

contacts as (
    {%- for kind in ["email", "phone", "handle"] %}
    select distinct
        '{{ kind }}' as key_kind,
        {{ kind }}_key as identity_key,
        account_key,
        coalesce(
            account_key,
            {%- for other in ["email", "phone", "handle"] if other != kind %}
            {{ other }}_key{{ "," if not loop.last }}
            {%- endfor %}
        ) as other_key
    from key_sets
    where {{ kind }}_key is not null
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

counted as (
    select
        contacts.identity_key,
        min(contacts.key_kind) as key_kind,
        count(distinct contacts.account_key) as accounts,
        count(distinct {{ dbt.split_part("contacts.account_key", "'/'", 1) }}) as account_sources,
        count(distinct names.name_key) as names,
        count(distinct contacts.other_key) as records
    from contacts
    left join names on contacts.account_key = names.account_key
    group by contacts.identity_key
    having count(distinct contacts.other_key) > 1
),

judged as (
    select
        *,
        case
            when records > {{ var("max_records_per_person") }} then 'too_many_records'
            -- Several accounts of one shop, as against one person with an account in each shop.
            when accounts > {{ var("max_accounts_per_shared_key") }} * account_sources
                then 'too_many_accounts'
            when accounts > account_sources and names > 1 then 'conflicting_names'
        end as cause
    from counted
),

final as (
    select
        identity_key,
        key_kind,
        cause,
        accounts,
        names,
        records
    from judged
    where cause is not null
)

select * from final
