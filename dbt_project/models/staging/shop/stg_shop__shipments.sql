{{ config(
    materialized="incremental",
    incremental_strategy="append",
    pre_hook="{{ take_out_pending('shipments', 'shipment_key') }}",
    indexes=[
        {"columns": ["shipment_key"], "unique": true},
        {"columns": ["changed_in_run"], "type": "brin"},
        {"columns": ["order_key"]},
    ],
) }}

with versions as (
    {{ latest_versions("shipments", pending=true) }}
),

final as (
    select
        _source as source,
        shipment_id,
        concat(_source, '/', shipment_id) as shipment_key,
        concat(_source, '/', order_id) as order_key,
        promised_at,
        {{ business_date("promised_at") }} as promised_on,
        case when shipped_at < {{ end_of_as_of_date() }} then shipped_at end as shipped_at,
        case when delivered_at < {{ end_of_as_of_date() }} then delivered_at end as delivered_at,
        case
            when delivered_at < {{ end_of_as_of_date() }} then {{ business_date("delivered_at") }}
        end as delivered_on,
        lower(trim(status)) as source_status,
        _load_id as load_id,
        {{ changed_in_run() }}
    from versions
)

select * from final
