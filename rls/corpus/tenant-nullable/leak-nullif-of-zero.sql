-- object: public.rates
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-null-tenant
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table rates (
  tenant_id bigint,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (id)
);
alter table rates enable row level security;
alter table rates force row level security;
create policy rates_tenant on rates
  using (coalesce(tenant_id, 0) in (0, nullif(current_setting('app.tenant_id', true), '')::bigint));
grant select, insert, update, delete on rates to @app@;

-- seed
insert into rates (tenant_id, label) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select label from rates;
rollback;
