-- object: @app@, pg_read_all_data, public.signups
-- leak: yes
-- context: guc
-- also: rls-disabled
-- also: statistics-exposed pg_catalog.pg_statistic
-- also: statistics-exposed pg_catalog.pg_statistic_ext_data
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create table signups (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  email text,
  primary key (tenant_id, id)
);
reset role;
grant pg_read_all_data to @app@;

-- seed
insert into signups (tenant_id, email) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select email from signups;
rollback;
