-- What is quicker to make once the rows are there: references and indexes.

alter table shop.accounts add foreign key (introduced_by) references shop.accounts (id);
alter table shop.sales add foreign key (account_id) references shop.accounts (id);
alter table shop.sale_lines add foreign key (sale_id) references shop.sales (id);
alter table shop.sale_lines add foreign key (product_id) references shop.products (id);
alter table shop.payments add foreign key (sale_id) references shop.sales (id);
alter table shop.shipments add foreign key (sale_id) references shop.sales (id);
alter table shop.refunds add foreign key (sale_id) references shop.sales (id);
alter table shop.memberships add foreign key (account_id) references shop.accounts (id);
alter table shop.surveys add foreign key (account_id) references shop.accounts (id);
alter table shop.surveys add foreign key (sale_id) references shop.sales (id);
alter table shop.reviews add foreign key (account_id) references shop.accounts (id);
alter table shop.outreach_contacts add foreign key (account_id) references shop.accounts (id);
alter table help_desk.tickets add foreign key (requester_id) references help_desk.users (id);
alter table help_desk.ticket_events add foreign key (ticket_id) references help_desk.tickets (id);
alter table social.statuses add foreign key (account_id) references social.accounts (id);

create index on shop.accounts (updated_at);
create index on shop.sales (modified_at);
create index on shop.payments (sale_id);
create index on shop.shipments (sale_id);
create index on shop.refunds (sale_id);
create index on shop.web_events (at);
create index on shop.surveys (updated_at);
create index on shop.reviews (written_at);
create index on shop.outreach_contacts (updated_at);
create index on help_desk.users (updated_at, id);
create index on help_desk.tickets (updated_at, id);
create index on help_desk.ticket_events (created_at, id);
create index on help_desk.ticket_events (ticket_id);
