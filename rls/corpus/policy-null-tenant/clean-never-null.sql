-- The column is NOT NULL: the first half is never true.
-- object: public.templates
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table templates (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table templates enable row level security;
alter table templates force row level security;
create policy templates_tenant on templates
  using (tenant_id is null or tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on templates to @app@;

-- seed
insert into templates (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select body from templates;
rollback;
