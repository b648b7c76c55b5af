-- object: public.leads
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-tautology
-- expect: canary-b

create table leads (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  email text,
  primary key (tenant_id, id)
);
alter table leads enable row level security;
alter table leads force row level security;
create policy leads_tenant on leads
  using (tenant_id is not null and length(tenant_id) > 0);
grant select, insert, update, delete on leads to @app@;

-- seed
insert into leads (tenant_id, email) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select email from leads;
rollback;
