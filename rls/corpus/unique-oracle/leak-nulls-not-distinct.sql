-- object: public.plans
-- leak: yes
-- context: guc
-- expect: 23505

create table plans (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  slug text,
  unique nulls not distinct (slug),
  primary key (tenant_id, id)
);
alter table plans enable row level security;
alter table plans force row level security;
create policy plans_tenant on plans
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on plans to @app@;

-- seed
insert into plans (tenant_id, slug) values ('@B@', 'gold');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into plans (tenant_id, slug) values ('@A@', 'gold');
insert into plans (tenant_id, slug) values ('@A@', 'silver');
rollback;
