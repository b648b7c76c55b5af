-- After a transaction the setting is empty, not unset.
-- object: public.deals
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table deals (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table deals enable row level security;
alter table deals force row level security;
create policy deals_tenant on deals
  using (current_setting('app.tenant_id', true) = '' or tenant_id = current_setting('app.tenant_id', true));
grant select, insert, update, delete on deals to @app@;

-- seed
insert into deals (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = 'acme';
commit;
select title from deals;
