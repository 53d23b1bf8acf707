{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('customers', 'record_key') }}",
    indexes=[
        {"columns": ["account_key"], "unique": true},
        {"columns": ["record_key"]},
        {"columns": ["referred_by_account_key"]},
        {"columns": ["changed_in_run"], "type": "brin"},
    ],
) }}

with versions as (
    {{ latest_versions("customers", pending=true) }}
),

cleaned as (
    select
        *,
        {{ dialled("phone") }} as dialled_phone
    from versions
    where created_at < {{ end_of_as_of_date() }}
),

final as (
    select
        _source as source,
        customer_id,
        concat(_source, '/', customer_id) as record_key,
        {{ account_key("_source", "customer_id") }} as account_key,
        created_at,
        updated_at,
        {{ business_date("created_at") }} as created_on,
        nullif(trim(full_name), '') as full_name,
        {{ normalised_name("full_name") }} as name_key,
        {{ normalised_email("email") }} as email,
        {{ international_phone("dialled_phone") }} as phone,
        social_handles,
        birth_date,
        lower(nullif(trim(gender), '')) as gender,
        nullif(trim(occupation), '') as occupation,
        nullif(trim(social_status), '') as social_status,
        nullif(trim(region), '') as region,
        nullif(trim(city), '') as city,
        nullif(trim(country), '') as country,
        case lower(trim(party)) when 'organization' then 'organization' else 'person' end as party,
        nullif(trim(organization_name), '') as organization_name,
        is_employee,
        {{ account_key("_source", "referred_by_customer_id") }} as referred_by_account_key,
        {%- for channel in var("outreach_channels") %}
        lower({{ json_text("consents", [channel, "state"]) }}) as {{ channel }}_consent,
        coalesce(
            cast({{ json_text("consents", [channel, "at"]) }} as {{ instant_type() }}),
            updated_at
        ) as {{ channel }}_consent_at,
        {%- endfor %}
        coalesce(deleted_at < {{ end_of_as_of_date() }}, false) as is_deleted,
        _load_id as load_id,
        {{ changed_in_run() }}
    from cleaned
)

select * from final
