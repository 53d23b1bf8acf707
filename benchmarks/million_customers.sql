-- A shop of :customers accounts and ten times as many orders over three years up to the last day,
-- straight into raw.*: what landing would have left there. Sections are run one by one.

-- section: first
create temporary table shape as
select
    n,
    (n * 7919::bigint) % 1090 as starts,
    -- A third stay for good; the rest leave after a while.
    case when n % 3 = 0 then 1.0 else ((n * 31::bigint) % 97) / 97.0 end as stays
from generate_series(1, {customers}) as n;

insert into raw.customers (
    customer_id, created_at, updated_at, full_name, email, phone, region, city, country, party,
    is_employee, referred_by_customer_id, consents,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    n::text, {start} + starts * interval '1 day', {start} + starts * interval '1 day',
    'Person ' || n, 'p' || n || '@example.ir', '0912' || lpad(n::text, 7, '0'),
    'Region ' || n % 31, 'City ' || n % 400, 'IR',
    case when n % 50 = 0 then 'organization' else 'person' end, n % 10000 = 0,
    case when n % 20 = 0 then (n / 2)::text end,
    jsonb_build_object('sms', jsonb_build_object(
        'state', case when n % 10 < 6 then 'granted' else 'denied' end,
        'at', {start} + starts * interval '1 day'
    )),
    'shop', n::text, {load_customers}, '-infinity', {start} + starts * interval '1 day'
from shape;

insert into raw.orders (
    order_id, customer_id, guest_email, guest_phone, ordered_at, updated_at, status, currency,
    gross_amount, discount_amount, shipping_amount, tax_amount, total_amount, channel, campaign,
    direction, _source, _key, _load_id, _known_from, _changed_at
)
with drawn as (
    select
        i, 1 + floor({customers} * power(random(), 1.5))::bigint as n, random() as a, random() as b,
        random() as c, random() as d
    from generate_series(1, {orders}) as i
),
dated as (
    select
        drawn.*,
        {start} + (
            shape.starts + floor((1094 - shape.starts) * shape.stays * drawn.a)
        ) * interval '1 day' + drawn.b * interval '20 hours' as at
    from drawn
    inner join shape on drawn.n = shape.n
),
worth as (
    select *, round((50000 + 4000000 * b * c)::numeric, -2) as gross, i % 3 = 0 as is_discounted
    from dated
)
select
    i::text,
    case when d >= 0.05 then n::text end,
    case when d < 0.04 then 'guest' || n % ({customers} / 10) || '@example.ir' end,
    case when d between 0.03 and 0.05 then '0935' || lpad((n % ({customers} / 10))::text, 7, '0') end,
    at, at + interval '2 days',
    case
        when c < 0.90 then 'completed' when c < 0.93 then 'pending'
        when c < 0.98 then 'cancelled' else 'failed'
    end,
    case when d > 0.99 then 'EUR' when d > 0.95 then 'IRT' else 'IRR' end,
    case when d > 0.99 then round(gross / 700000, 2) when d > 0.95 then gross / 10 else gross end,
    case
        when not is_discounted then 0
        when d > 0.99 then round(gross / 7000000, 2) when d > 0.95 then gross / 100 else gross / 10
    end,
    0, 0, 0, case when c < 0.6 then 'web' else 'app' end, case when b < 0.1 then 'newsletter' end,
    'sale', 'shop', i::text, {load_orders}, '-infinity', at + interval '2 days'
from worth;

insert into raw.refunds (
    refund_id, order_id, amount, currency, kind, reason, requested_at, completed_at,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    'r' || order_id, order_id, case when right(order_id, 1) < '5' then gross_amount - discount_amount else gross_amount / 4 end,
    currency, case when right(order_id, 1) = '9' then 'compensation' else 'return' end,
    case when right(order_id, 1) < '3' then 'broken' else 'changed my mind' end,
    ordered_at + interval '6 days', ordered_at + interval '9 days',
    'shop', 'r' || order_id, {load_refunds}, '-infinity', ordered_at + interval '9 days'
from raw.orders
where status = 'completed' and hashtext(order_id) % 25 = 0;

insert into raw.shipments (
    shipment_id, order_id, promised_at, shipped_at, delivered_at, status,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    's' || order_id, order_id, ordered_at + interval '4 days', ordered_at + interval '1 day',
    ordered_at + (2 + abs(hashtext(order_id)) % 4) * interval '1 day', 'delivered',
    'shop', 's' || order_id, {load_shipments}, '-infinity', ordered_at
from raw.orders
where status = 'completed' and ordered_at > {start} + interval '915 days';

insert into raw.payments (
    payment_id, order_id, attempted_at, amount, currency, status,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    'p' || order_id, order_id, ordered_at, gross_amount - discount_amount, currency,
    case when status = 'failed' then 'failed' else 'paid' end,
    'shop', 'p' || order_id, {load_payments}, '-infinity', ordered_at
from raw.orders
where ordered_at > {start} + interval '1000 days';

insert into raw.exchange_rates (
    rate_date, currency, rate_to_base, _source, _key, _load_id, _known_from
)
select
    ({start} + d * interval '1 day')::date, 'EUR', 600000 + d * 100, 'shop',
    ({start} + d * interval '1 day')::date || '/EUR', {load_exchange_rates}, '-infinity'
from generate_series(0, 1094) as d;

insert into raw.tickets (
    ticket_id, customer_id, requester_email, created_at, updated_at, channel, subject, body, status,
    priority, tags, order_id, satisfaction_score,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    't' || order_id, customer_id, guest_email, ordered_at + interval '3 days',
    ordered_at + interval '5 days', 'email',
    case when hashtext(order_id) % 3 = 0 then 'کالا شکسته بود' else 'Where is my order?' end,
    'I ordered ' || order_id || ' and it is late and I am not happy with the quality of it.', 'solved',
    'normal', '{{}}', order_id, case when hashtext(order_id) % 4 = 0 then 0.2 when hashtext(order_id) % 4 = 1 then 1 end,
    'shop', 't' || order_id, {load_tickets}, '-infinity', ordered_at + interval '5 days'
from raw.orders
where hashtext(order_id) % 50 = 7;

insert into raw.ticket_events (
    event_id, ticket_id, occurred_at, kind, author_role, is_public, body, from_status, to_status,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    kind || ticket_id, ticket_id, created_at + hours * interval '1 hour', kind, 'agent', true, 'body', 'open',
    'solved', 'shop', kind || ticket_id, {load_ticket_events}, '-infinity', created_at
from raw.tickets
cross join (values ('comment', 5), ('status', 30)) as events (kind, hours);

insert into raw.mentions (
    mention_id, network, created_at, author_handle, text, by_brand, rating,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    n::text, 'mastodon', {start} + (n * 104729::bigint % 1094) * interval '1 day', 'user' || n % 20000,
    case n % 3 when 0 then 'این فروشگاه عالی است' when 1 then 'never again, bad quality' else 'when is the sale?' end
    || ' ' || n, false, null,
    'shop', n::text, {load_mentions}, '-infinity', {start}
from generate_series(1, {customers} / 20) as n;

-- section: night
insert into raw.customers (
    customer_id, created_at, updated_at, full_name, email, phone, region, city, country, party,
    is_employee, consents, _source, _key, _load_id, _known_from, _changed_at
)
select
    n::text, {end}, {end} + interval '8 hours', 'Person ' || n, 'p' || n || '@example.ir',
    '0912' || lpad(n::text, 7, '0'), 'Region 1', 'City 1', 'IR', 'person', false, '{{}}',
    'shop', n::text, {load_customers}, {day}, {end} + interval '8 hours'
from generate_series({customers} + 1, {customers} + {customers} / 200) as n;

insert into raw.customers (
    customer_id, created_at, updated_at, full_name, email, phone, region, city, country, party,
    is_employee, consents, _source, _key, _load_id, _known_from, _changed_at
)
select
    customer_id, created_at, {end} + interval '9 hours', full_name, email,
    case when right(customer_id, 1) = '7' then '0919' || lpad(customer_id, 7, '0') else phone end,
    'Region 2', city, country, party, is_employee, consents,
    'shop', customer_id, {load_customers}, {day}, {end} + interval '9 hours'
from raw.customers
where _load_id <> {load_customers} and hashtext(customer_id) % 200 = 3;

insert into raw.orders (
    order_id, customer_id, guest_email, ordered_at, updated_at, status, currency, gross_amount,
    discount_amount, shipping_amount, tax_amount, total_amount, channel, direction,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    i::text, case when b >= 0.05 then (1 + floor({customers} * 1.005 * power(a, 1.5))::bigint)::text end,
    case when b < 0.05 then 'guest' || floor(a * {customers} / 8)::bigint || '@example.ir' end,
    {end} + b * interval '20 hours', {end} + b * interval '20 hours', 'paid', 'IRR',
    round((50000 + 4000000 * a * b)::numeric, -2), 0, 0, 0, 0, 'web', 'sale',
    'shop', i::text, {load_orders}, {day}, {end} + b * interval '20 hours'
from (
    select i, random() as a, random() as b
    from generate_series({orders} + 1, {orders} + {orders} * 4 / 1000) as i
) as drawn;

insert into raw.orders (
    order_id, customer_id, guest_email, guest_phone, ordered_at, updated_at, status, currency,
    gross_amount, discount_amount, shipping_amount, tax_amount, total_amount, channel, campaign,
    direction, _source, _key, _load_id, _known_from, _changed_at
)
select
    order_id, customer_id, guest_email, guest_phone, ordered_at, {end} + interval '10 hours',
    case when status = 'completed' then 'delivered' else 'completed' end, currency, gross_amount,
    discount_amount, shipping_amount, tax_amount, total_amount, channel, campaign, direction,
    'shop', order_id, {load_orders}, {day}, {end} + interval '10 hours'
from raw.orders
where _load_id <> {load_orders}
    and abs(hashtext(order_id)) % 1000 < case when ordered_at > {end} - interval '90 days' then 30 else 4 end;

insert into raw.refunds (
    refund_id, order_id, amount, currency, kind, reason, requested_at, completed_at,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    'n' || order_id, order_id, gross_amount / 3, currency, 'return', 'broken',
    {end} + interval '2 hours', case when right(order_id, 1) < '5' then {end} + interval '3 hours' end,
    'shop', 'n' || order_id, {load_refunds}, {day}, {end} + interval '3 hours'
from raw.orders
where _load_id <> {load_orders} and status = 'completed' and abs(hashtext(order_id)) % 2500 = 5;

insert into raw.shipments (
    shipment_id, order_id, promised_at, shipped_at, delivered_at, status,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    's' || order_id, order_id, {end} + interval '4 days', {end} + interval '9 hours', null, 'shipped',
    'shop', 's' || order_id, {load_shipments}, {day}, {end}
from raw.orders
where _load_id = {load_orders} and status = 'paid';

insert into raw.payments (
    payment_id, order_id, attempted_at, amount, currency, status,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    'p' || order_id, order_id, ordered_at, gross_amount, currency, 'paid',
    'shop', 'p' || order_id, {load_payments}, {day}, ordered_at
from raw.orders
where _load_id = {load_orders} and status = 'paid';

insert into raw.exchange_rates (
    rate_date, currency, rate_to_base, _source, _key, _load_id, _known_from
)
values (
    {day}::date, 'EUR', 710000, 'shop', {day} || '/EUR', {load_exchange_rates}, {day}
);

insert into raw.tickets (
    ticket_id, customer_id, created_at, updated_at, channel, subject, body, status, priority, tags,
    order_id, _source, _key, _load_id, _known_from, _changed_at
)
select
    'n' || order_id, customer_id, {end} + interval '4 hours', {end} + interval '5 hours', 'email', 'Complaint',
    'The parcel ' || order_id || ' is late', 'open', 'high', '{{}}', order_id,
    'shop', 'n' || order_id, {load_tickets}, {day}, {end} + interval '5 hours'
from raw.orders
where _load_id = {load_orders} and hashtext(order_id) % 50 = 7;

insert into raw.mentions (
    mention_id, network, created_at, author_handle, text, by_brand,
    _source, _key, _load_id, _known_from, _changed_at
)
select
    'n' || n, 'mastodon', {end} + interval '6 hours', 'user' || n, 'عالی بود ' || n, false,
    'shop', 'n' || n, {load_mentions}, {day}, {end}
from generate_series(1, {customers} / 2000 + 1) as n;
