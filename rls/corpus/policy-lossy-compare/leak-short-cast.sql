-- object: public.plans
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table plans (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table plans enable row level security;
alter table plans force row level security;
create policy plans_tenant on plans
  using (tenant_id::varchar(4) = current_setting('app.tenant_id', true)::varchar(4));
grant select, insert, update, delete on plans to @app@;

-- seed
insert into plans (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from plans;
rollback;
