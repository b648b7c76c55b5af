-- A setting that can only take rows away.
-- object: public.visits
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table visits (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  finding text,
  ward text not null default 'x',
  primary key (tenant_id, id)
);
alter table visits enable row level security;
alter table visits force row level security;
create policy visits_tenant on visits
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid and (current_setting('app.ward', true) is null or ward = current_setting('app.ward', true)));
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
