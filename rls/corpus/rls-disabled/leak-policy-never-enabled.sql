-- The policy is there, and nobody switched it on.
-- object: public.deals
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table contacts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
alter table contacts force row level security;
create policy contacts_tenant on contacts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on contacts to @app@;
create table deals (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  stage text,
  primary key (tenant_id, id)
);
grant select, insert, update, delete on deals to @app@;
create policy deals_tenant on deals
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));

-- seed
insert into deals (tenant_id, title, stage) values
  ('@A@', 'canary-a', 'won'),
  ('@B@', 'canary-b', 'won');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from deals;
rollback;
