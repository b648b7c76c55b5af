-- object: public.visits
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table visits (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  finding text,
  primary key (tenant_id, id)
);
alter table visits enable row level security;
alter table visits force row level security;
create policy visits_tenant on visits
  using (current_setting('app.tenant_id', true) is not distinct from current_setting('app.tenant_id', true));
grant select, insert, update, delete on visits to @app@;

-- seed
insert into visits (tenant_id, finding) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select finding from visits;
rollback;
