-- Every tenant is the same database user.
-- object: public.timesheets
-- leak: yes
-- context: guc
-- expect: canary-b

create table timesheets (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  hours text,
  approved_by text,
  primary key (tenant_id, id)
);
alter table timesheets enable row level security;
alter table timesheets force row level security;
create policy timesheets_tenant on timesheets
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid or approved_by = current_user);
grant select, insert, update, delete on timesheets to @app@;

-- seed
insert into timesheets (tenant_id, hours, approved_by) values ('@B@', 'canary-b', '@app@');

-- proof
begin;
set local app.tenant_id = '@A@';
select hours from timesheets;
rollback;
