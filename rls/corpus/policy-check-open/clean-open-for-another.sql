-- object: public.uploads
-- leak: no
-- context: guc
-- expect: 42501

create table uploads (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  path text,
  primary key (tenant_id, id)
);
alter table uploads enable row level security;
alter table uploads force row level security;
grant select, insert, update, delete on uploads to @app@;
create policy uploads_tenant on uploads
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy loader on uploads for insert to @other@
  with check (true);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into uploads (tenant_id) values ('@B@');
rollback;
