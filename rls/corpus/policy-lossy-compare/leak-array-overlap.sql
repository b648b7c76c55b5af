-- object: public.docs
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table docs (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  title text,
  words text[] not null default '{}',
  primary key (tenant_id, id)
);
alter table docs enable row level security;
alter table docs force row level security;
create policy docs_tenant on docs
  using (string_to_array(tenant_id, '-') && string_to_array(current_setting('app.tenant_id', true), '-'));
grant select, insert, update, delete on docs to @app@;

-- seed
insert into docs (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from docs;
rollback;
