-- Grain: order version that landed for the business day, and that no later load has mended since. No
-- personal columns.
with newest as (
    select source, max(load_id) as load_id
    from ops.loads
    where status = 'landed' and entity = 'orders' and landed_rows > 0
    group by source
)

select
    orders._source as source,
    nullif(orders.order_id, '') is not null and nullif(orders._key, '') is not null as has_key,
    orders.currency,
    orders.ordered_at,
    -- A file may hold days later than its own; nothing is later than both its day and its reading.
    orders.ordered_at <= greatest(loads.window_end, loads.started_at) + interval '1 day' as is_past,
    orders.updated_at >= orders.ordered_at - interval '1 day' as changed_after_it_was_placed,
    orders.gross_amount <> 'NaN' and orders.discount_amount <> 'NaN'
    and orders.total_amount <> 'NaN' as has_amounts,
    orders.discount_amount <= greatest(orders.gross_amount, 0) as discount_within_gross
from raw.orders as orders
inner join ops.loads as loads on loads.load_id = orders._load_id
left join newest on orders._source = newest.source
where
    loads.status = 'landed'
    and loads.business_date >= current_setting('moshtari.business_date')::date
    and coalesce(loads.covers_from, '-infinity')
    <= current_setting('moshtari.business_date')::date
    and not orders._is_deleted
    and (
        orders._load_id = newest.load_id
        or not exists (
            select 1
            from raw.orders as later
            where
                later._key = orders._key
                and later._source = orders._source
                and later._load_id > orders._load_id
                and (later._changed_at < orders._changed_at) is not true
        )
    )
