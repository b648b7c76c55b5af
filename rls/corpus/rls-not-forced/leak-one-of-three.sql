-- object: public.visits, @app@
-- leak: yes
-- context: guc
-- also: role-owns-table
-- also: schema-create public
-- expect: canary-b

create table patients (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table patients enable row level security;
alter table patients force row level security;
create policy patients_tenant on patients
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on patients to @app@;
create table visits (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  finding text,
  primary key (tenant_id, id)
);
alter table visits enable row level security;
create policy visits_tenant on visits
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on visits to @app@;
create table doctors (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table doctors enable row level security;
alter table doctors force row level security;
create policy doctors_tenant on doctors
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on doctors to @app@;
reset role;
alter table visits owner to @app@;

-- seed
insert into visits (tenant_id, finding) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select finding from visits;
rollback;
