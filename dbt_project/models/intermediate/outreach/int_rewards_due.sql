with accounts as (
    select * from {{ ref("int_loyalty_accounts") }}
    where changed_on = {{ as_of_date() }}
),

ladder as (
    select * from {{ ref("int_customers_laddered") }}
    where is_loyal
),

tiers as (
    select * from {{ ref("loyalty_tiers") }}
),

final as (
    select
        'rewards' as list_name,
        accounts.customer_key,
        cast(1 as numeric) as score,
        case when accounts.tier = accounts.previous_tier then 0 else 1 end as urgency,
        concat(
            case
                when coalesce(accounts.tier <> accounts.previous_tier, true)
                    then concat('به سطح «', tiers.name_fa, '» رسیده است؛ ')
            end,
            'اعتبار: ', cast(accounts.credits as {{ text_type() }}), '.'
        ) as reasons_fa,
        concat(
            case
                when coalesce(accounts.tier <> accounts.previous_tier, true)
                    then concat('Reached the tier ', tiers.name_en, '; credit: ')
                else 'Credit: '
            end, cast(accounts.credits as {{ text_type() }}), '.'
        ) as reasons_en,
        cast(null as {{ text_type() }}) as order_key,
        cast(null as {{ text_type() }}) as referrer_key
    from accounts
    inner join ladder on accounts.customer_key = ladder.customer_key
    inner join tiers on accounts.tier = tiers.tier
)

select * from final
