-- The demo's own tables. Schemas shop, help_desk and social are what the sources serve; truth is the
-- latent life, read by nothing but the scoring of what the warehouse concludes; script holds the
-- nights to come.

drop schema if exists shop, help_desk, social, truth, script cascade;

create schema shop;
create schema help_desk;
create schema social;
create schema truth;
create schema script;

create table shop.products (
    id bigint primary key,
    sku text not null,
    name text not null,
    category text not null,
    brand text not null,
    list_price_toman numeric not null,
    added_at timestamptz not null
);

create table shop.accounts (
    id bigint primary key,
    kind text not null check (kind in ('person', 'company')),
    full_name text not null,
    company_name text,
    email text,
    mobile text,
    mastodon text,
    province text,
    city text,
    country text,
    address text,
    birth_date date,
    gender text check (gender in ('female', 'male')),
    job text,
    standing text,
    is_staff boolean not null,
    introduced_by bigint,
    sms_opt_in boolean,
    sms_opt_in_at timestamptz,
    email_opt_in boolean,
    email_opt_in_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz
);

create table shop.sales (
    id bigint primary key,
    account_id bigint,
    guest_email text,
    guest_phone text,
    placed_at timestamptz not null,
    modified_at timestamptz not null,
    state text not null check (state in (
        'pending', 'paid', 'shipped', 'delivered', 'completed', 'cancelled', 'failed', 'refunded'
    )),
    currency text not null check (currency in ('IRR', 'IRT', 'AED', 'EUR', 'USD')),
    subtotal numeric not null,
    discount numeric not null,
    shipping_fee numeric not null,
    vat numeric not null,
    grand_total numeric not null,
    coupons text[] not null,
    channel text not null,
    campaign text,
    referral_code text,
    session_id text,
    seller_account_id bigint,
    direction text not null check (direction in ('sale', 'purchase'))
);
comment on column shop.sales.referral_code is
    'REF and the number of the account that introduced the buyer';
comment on column shop.sales.seller_account_id is
    'The customer who sells it on the shop''s marketplace; null: the shop itself';
comment on column shop.sales.direction is 'purchase: the shop buys from the account, used things';

create table shop.sale_lines (
    sale_id bigint not null,
    line_no integer not null,
    product_id bigint not null,
    quantity numeric not null,
    unit_price numeric not null,
    discount numeric not null,
    primary key (sale_id, line_no)
);

create table shop.payments (
    id bigint primary key,
    sale_id bigint not null,
    attempted_at timestamptz not null,
    amount numeric not null,
    currency text not null,
    result text not null check (result in ('ok', 'failed'))
);

create table shop.shipments (
    id bigint primary key,
    sale_id bigint not null,
    carrier text not null,
    city text not null,
    address text not null,
    promised_at timestamptz not null,
    shipped_at timestamptz not null,
    delivered_at timestamptz,
    state text not null check (state in ('on_the_way', 'delivered', 'lost'))
);

create table shop.refunds (
    id bigint primary key,
    sale_id bigint not null,
    line_no integer,
    amount numeric not null,
    currency text not null,
    kind text not null check (kind in ('return', 'compensation', 'correction')),
    reason text not null check (reason in (
        'quality', 'changed_mind', 'lost', 'cancelled', 'goodwill', 'postage'
    )),
    requested_at timestamptz not null,
    completed_at timestamptz
);

-- Rials for one unit.
create table shop.exchange_rates (
    rate_date date not null,
    currency text not null,
    rials numeric not null,
    noted_at timestamptz not null,
    primary key (rate_date, currency)
);

create table shop.web_events (
    id bigint primary key,
    at timestamptz not null,
    visitor text not null,
    account_id bigint,
    session text not null,
    action text not null,
    product_id bigint,
    category text,
    query text,
    campaign text
);

create table shop.memberships (
    id bigint primary key,
    account_id bigint not null,
    plan text not null,
    started_at timestamptz not null,
    auto_renew boolean not null,
    auto_renew_changed_at timestamptz,
    ended_at timestamptz,
    updated_at timestamptz not null
);

create table shop.surveys (
    id bigint primary key,
    account_id bigint,
    sale_id bigint not null,
    channel text not null,
    asked_at timestamptz not null,
    answered_at timestamptz,
    score numeric,
    scale numeric not null,
    comment text,
    competitor_named boolean,
    updated_at timestamptz not null
);

-- Products' reviews with stars; without an account: the shop's answer to another review.
create table shop.reviews (
    id bigint primary key,
    account_id bigint,
    product_id bigint not null,
    answers bigint,
    stars integer check (stars between 1 and 5),
    body text not null,
    language text not null,
    written_at timestamptz not null
);

create table shop.outreach_contacts (
    id bigint primary key,
    account_id bigint not null,
    channel text not null check (channel in ('call', 'sms', 'email')),
    list_name text,
    sent_at timestamptz not null,
    outcome text,
    updated_at timestamptz not null
);

create table shop.marketing_costs (
    cost_date date not null,
    channel text not null,
    purpose text not null check (purpose in ('acquisition', 'retention')),
    amount numeric not null,
    currency text not null,
    booked_at timestamptz not null,
    primary key (cost_date, channel, purpose)
);

create table shop.erasure_requests (
    id bigint primary key,
    account_id bigint,
    email text,
    phone text,
    requested_at timestamptz not null
);

create table help_desk.users (
    id bigint primary key,
    name text not null,
    email text,
    phone text,
    role text not null check (role in ('end-user', 'agent')),
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table help_desk.tickets (
    id bigint primary key,
    requester_id bigint not null,
    subject text not null,
    description text not null,
    status text not null check (status in ('new', 'open', 'pending', 'solved', 'closed')),
    priority text not null,
    via_channel text not null check (via_channel in ('email', 'web', 'chat', 'api')),
    tags text[] not null,
    custom_order_id text,
    satisfaction_score text check (satisfaction_score in ('offered', 'good', 'bad')),
    satisfaction_comment text,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- author_id null: the desk's own automation.
create table help_desk.ticket_events (
    id bigint primary key,
    ticket_id bigint not null,
    author_id bigint,
    created_at timestamptz not null,
    kind text not null check (kind in ('comment', 'status')),
    is_public boolean not null,
    body text,
    from_status text,
    to_status text
);

create table social.accounts (
    id bigint primary key,
    username text not null,
    acct text not null,
    display_name text not null
);

create table social.statuses (
    id bigint primary key,
    account_id bigint not null,
    created_at timestamptz not null,
    edited_at timestamptz,
    content text not null,
    language text not null,
    in_reply_to_id bigint,
    favourites_count bigint not null,
    reblogs_count bigint not null,
    tags text[] not null,
    url text not null,
    deleted boolean not null default false
);

create table script.state (
    only_row boolean primary key default true check (only_row),
    today date not null,
    last_day date not null
);
