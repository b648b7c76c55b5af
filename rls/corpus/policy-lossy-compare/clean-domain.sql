-- A domain over the tenant's type takes nothing away: the cast that PostgreSQL writes loses nothing.
-- object: public.orders
-- leak: no
-- context: guc
-- expect: canary-a\n\(1 row\)

create domain org_ref as uuid check (value <> '00000000-0000-0000-0000-000000000000');
create table orders (
  tenant_id org_ref not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using ((tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) is true);
grant select, insert, update, delete on orders to @app@;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from orders;
rollback;
