-- object: public.widgets
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-null-tenant
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table widgets (
  tenant_id text,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (id)
);
alter table widgets enable row level security;
alter table widgets force row level security;
create policy widgets_tenant on widgets
  using (tenant_id = any (array[nullif(current_setting('app.tenant_id', true), ''), null]) or tenant_id is null);
grant select, insert, update, delete on widgets to @app@;

-- seed
insert into widgets (tenant_id, title) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from widgets;
rollback;
