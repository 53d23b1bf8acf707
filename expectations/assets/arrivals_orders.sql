-- Grain: order version that landed for the business day. No personal columns.
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
where
    loads.status = 'landed'
    and loads.business_date >= current_setting('moshtari.business_date')::date
    and coalesce(loads.covers_from, '-infinity')
    <= current_setting('moshtari.business_date')::date
    and not orders._is_deleted
