-- object: public.items
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: \(1 row\)

create table items (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  label text,
  a boolean not null default true,
  b boolean not null default false,
  primary key (tenant_id, id)
);
alter table items enable row level security;
alter table items force row level security;
create policy items_tenant on items
  using ((a and tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint) or (b and nullif(current_setting('app.tenant_id', true), '')::bigint = tenant_id) or (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint and not a and not b));
grant select, insert, update, delete on items to @app@;

-- seed
insert into items (tenant_id, label) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select label from items;
rollback;
