-- The app is of the team, and the team owns the tables.
-- object: public.cases, @app@
-- leak: yes
-- context: guc
-- also: role-owns-table
-- also: schema-create public
-- expect: canary-b

create table cases (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table cases enable row level security;
create policy cases_tenant on cases
  using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on cases to @app@;
reset role;
grant @owner@ to @other@;
grant @other@ to @app@;

-- seed
insert into cases (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from cases;
rollback;
