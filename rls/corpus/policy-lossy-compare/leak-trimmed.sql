-- object: public.claims
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table claims (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  reason text,
  primary key (tenant_id, id)
);
alter table claims enable row level security;
alter table claims force row level security;
create policy claims_tenant on claims
  using (trim(both '-eu' from tenant_id) = trim(both '-eu' from current_setting('app.tenant_id', true)));
grant select, insert, update, delete on claims to @app@;

-- seed
insert into claims (tenant_id, reason) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select reason from claims;
rollback;
