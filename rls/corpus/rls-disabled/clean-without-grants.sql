-- A table of the workers, which the app cannot touch.
-- object: public.outbox
-- leak: no
-- context: guc
-- expect: permission denied

create table customers (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text not null,
  email text,
  primary key (tenant_id, id)
);
alter table customers enable row level security;
alter table customers force row level security;
create policy customers_tenant on customers
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on customers to @app@;
create table outbox (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  payload jsonb,
  primary key (tenant_id, id)
);

-- seed
insert into outbox (tenant_id, payload) values
  ('@A@', '{}'),
  ('@B@', '{}');

-- proof
begin;
set local app.tenant_id = '@A@';
select * from outbox;
rollback;
