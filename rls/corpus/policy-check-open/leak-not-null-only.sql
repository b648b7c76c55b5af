-- object: public.leads
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-tautology
-- expect: INSERT 0 1

create table leads (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  email text,
  primary key (tenant_id, id)
);
alter table leads enable row level security;
alter table leads force row level security;
grant select, insert, update, delete on leads to @app@;
create policy leads_tenant on leads
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
  with check (tenant_id is not null);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into leads (tenant_id) values ('@B@');
rollback;
