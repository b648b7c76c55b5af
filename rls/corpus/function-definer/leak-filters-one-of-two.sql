-- Two reads, one comparison.
-- object: public.feeds()
-- leak: yes
-- context: guc
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create table notes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
create policy notes_tenant on notes
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on notes to @app@;
create function feeds() returns setof text language sql stable security definer set search_path = ''
  as $$ select note from public.orders where tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
     union all select body from public.notes $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'x'),
  ('@B@', 'x');
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select feeds();
rollback;
