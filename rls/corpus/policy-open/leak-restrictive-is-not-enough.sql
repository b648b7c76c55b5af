-- object: public.assets
-- leak: yes
-- context: guc
-- also: policy-tautology
-- expect: canary-b

create table assets (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table assets enable row level security;
alter table assets force row level security;
grant select, insert, update, delete on assets to @app@;
create policy named on assets as restrictive
  using (name <> '');
create policy add on assets for insert
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy browse on assets for select
  using (name like '%');

-- seed
insert into assets (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select name from assets;
rollback;
