with versions as (
    {{ latest_versions("order_items") }}
),

final as (
    select
        _source as source,
        concat(_source, '/', order_id) as order_key,
        line_no,
        product_id,
        sku,
        product_name,
        category,
        brand,
        quantity,
        unit_price,
        discount_amount,
        _load_id as load_id
    from versions
)

select * from final
