-- A help desk, in the style of Rails and acts_as_tenant.
-- hole: public.tickets
-- hole: public.comments
-- hole: public.switch_account(bigint)

create table schema_migrations (version varchar primary key);
create table ar_internal_metadata (key varchar primary key, value varchar);

create table accounts (
  id bigserial primary key,
  name varchar not null
);
create table tickets (
  id bigserial primary key,
  account_id bigint not null references accounts,
  subject varchar not null,
  state varchar not null default 'open',
  created_at timestamp(6) not null default now(),
  unique (account_id, id)
);
create table comments (
  id bigserial primary key,
  account_id bigint not null references accounts,
  ticket_id bigint not null references tickets,
  body text not null,
  created_at timestamp(6) not null default now()
);
grant select on accounts to rails;
grant select, insert, update, delete on tickets, comments to rails;
grant usage on all sequences in schema public to rails;

alter table accounts enable row level security;
alter table tickets enable row level security;
alter table comments enable row level security;
create policy account on accounts using (id = nullif(current_setting('rails.account_id', true), '')::bigint);
create policy account on tickets for select using (account_id = nullif(current_setting('rails.account_id', true), '')::bigint);
create policy account_insert on tickets for insert with check (account_id is not null);
create policy account on comments using (account_id = nullif(current_setting('rails.account_id', true), '')::bigint);

create function switch_account(account bigint) returns void language sql as $$
  select set_config('rails.account_id', account::text, false)
$$;
