-- object: public.visits
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-open
-- expect: canary-b

create table visits (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  finding text,
  primary key (tenant_id, id)
);
alter table visits enable row level security;
alter table visits force row level security;
create policy visits_tenant on visits
  using (case when nullif(current_setting('app.tenant_id', true), '')::bigint is null then true else tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint end);
grant select, insert, update, delete on visits to @app@;

-- seed
insert into visits (tenant_id, finding) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select finding from visits;
rollback;
