with versions as (
    {{ latest_versions("erasures", by_change=false) }}
),

cleaned as (
    select
        *,
        {{ dialled("subject_key") }} as dialled_phone
    from versions
    where requested_at < {{ end_of_as_of_date() }}
),

-- A subject is named by account, e-mail or phone: whichever of the three keys exists is meant.
final as (
    select
        _source as source,
        subject_key,
        requested_at,
        {{ account_key("_source", "subject_key") }} as account_key,
        {{ contact_key("email", normalised_email("subject_key")) }} as email_key,
        {{ contact_key("phone", international_phone("dialled_phone")) }} as phone_key
    from cleaned
)

select * from final
