-- object: public.uploads
-- leak: yes
-- context: guc
-- expect: INSERT 0 1

create table uploads (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  path text,
  uploaded_by text not null default current_user,
  primary key (tenant_id, id)
);
alter table uploads enable row level security;
alter table uploads force row level security;
grant select, insert, update, delete on uploads to @app@;
create policy r on uploads for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy w on uploads for insert
  with check (uploaded_by = current_user);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into uploads (tenant_id) values ('@B@');
rollback;
