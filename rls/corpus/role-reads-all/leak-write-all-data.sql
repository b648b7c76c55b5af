-- object: @app@, pg_write_all_data
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: rls-disabled
-- expect: DELETE 2

create table orders (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on orders to @app@;
create table queue (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  job text,
  primary key (tenant_id, id)
);
reset role;
grant pg_write_all_data to @app@;

-- seed
insert into queue (tenant_id, job) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
delete from queue;
rollback;
