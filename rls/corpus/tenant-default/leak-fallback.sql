-- object: public.leads
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-check-open
-- expect: planted

create table leads (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  email text,
  primary key (tenant_id, id)
);
alter table leads enable row level security;
alter table leads force row level security;
grant select, insert, update, delete on leads to @app@;
alter table leads alter tenant_id set default coalesce(nullif(current_setting('app.tenant_id', true), ''), 'acme-eu');
create policy leads_tenant on leads
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
  with check (email is not null);

-- proof
insert into leads (email) values ('planted');
set app.tenant_id = 'acme-eu';
select email from leads;
