-- object: public.staff
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: rls-disabled
-- expect: canary-b

create table staff (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  name text,
  salary text,
  primary key (tenant_id, id)
);
grant select (salary) on staff to @app@;

-- seed
insert into staff (tenant_id, salary) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select salary from staff;
rollback;
