-- Tenants are codes of three letters, and what is published is everybody's.
-- object: public.permits
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table operators (
  tenant_id text primary key check (length(tenant_id) = 3)
);
create table permits (
  tenant_id text not null references operators,
  plate text not null check (plate ~ '^[A-Z]{1,3}-[A-Z]{1,2} [0-9]{1,4}$'),
  holder text not null,
  status text not null default 'draft' check (status in ('draft', 'published')),
  primary key (tenant_id, plate)
);
alter table operators enable row level security;
alter table permits enable row level security;
create policy operators_own on operators
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
create policy permits_read on permits
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '') or status = 'published')
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select on operators, permits to @app@;

-- seed
insert into operators values ('abc'), ('xyz');
insert into permits values ('xyz', 'B-XY 12', 'canary-b', 'published');

-- proof
begin;
set local app.tenant_id = 'abc';
select holder from permits;
rollback;
