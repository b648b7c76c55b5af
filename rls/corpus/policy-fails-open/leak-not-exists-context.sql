-- object: public.items
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table items (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (tenant_id, id)
);
alter table items enable row level security;
alter table items force row level security;
create policy items_tenant on items
  using (not exists (select 1 where nullif(current_setting('app.tenant_id', true), '')::uuid is not null and nullif(current_setting('app.tenant_id', true), '')::uuid <> tenant_id));
grant select, insert, update, delete on items to @app@;

-- seed
insert into items (tenant_id, label) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select label from items;
rollback;
