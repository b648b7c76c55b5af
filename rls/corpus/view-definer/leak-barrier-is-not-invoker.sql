-- security_barrier keeps the order of conditions; there is none here.
-- object: public.visit_list
-- leak: yes
-- context: guc
-- expect: canary-b

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
create view visit_list with (security_barrier = true) as select id, finding from visits;
grant select on visit_list to @app@;

-- seed
insert into visits (tenant_id, finding) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select finding from visit_list;
rollback;
