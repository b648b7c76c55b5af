-- object: public.visits
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: \(0 rows\)|ERROR

create table visits (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  finding text,
  primary key (tenant_id, id)
);
alter table visits enable row level security;
alter table visits force row level security;
create policy visits_tenant on visits
  using (nullif(current_setting('app.tenant_id', true), '')::bigint is not null and tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on visits to @app@;

-- seed
insert into visits (tenant_id, finding) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select finding from visits;
rollback;
