-- object: public
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
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
reset role;
grant @other@ to @app@;
set role @owner@;
alter default privileges in schema public grant all on tables to @other@;

-- seed
set role @owner@;
create table later (tenant_id uuid, note text);
reset role;
insert into later values ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select note from later;
rollback;
