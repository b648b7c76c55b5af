-- The hole is in the body of the function that the policy calls.
-- object: public.reports
-- leak: yes
-- context: guc
-- expect: canary-b

create function may_read(t uuid, shared boolean) returns boolean language sql stable
  as $$ select t = nullif(current_setting('app.tenant_id', true), '')::uuid or shared $$;
create table reports (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  shared boolean not null default true,
  primary key (tenant_id, id)
);
alter table reports enable row level security;
alter table reports force row level security;
create policy reports_tenant on reports
  using (may_read(tenant_id, shared));
grant select, insert, update, delete on reports to @app@;

-- seed
insert into reports (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from reports;
rollback;
