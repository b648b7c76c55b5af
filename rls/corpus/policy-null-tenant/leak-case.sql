-- object: public.forms
-- leak: yes
-- context: guc
-- tenant: text
-- also: tenant-nullable
-- also: policy-open
-- also: policy-check-open
-- expect: canary-b

create table forms (
  tenant_id text,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (id)
);
alter table forms enable row level security;
alter table forms force row level security;
create policy forms_tenant on forms
  using (case when tenant_id is null then true else tenant_id = nullif(current_setting('app.tenant_id', true), '') end);
grant select, insert, update, delete on forms to @app@;

-- seed
insert into forms (tenant_id, title) values ('@A@', 'canary-a'), (null, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from forms;
rollback;
