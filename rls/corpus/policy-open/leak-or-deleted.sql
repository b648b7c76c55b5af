-- object: public.contacts
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

create table contacts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  name text,
  deleted_at timestamptz default now(),
  primary key (tenant_id, id)
);
alter table contacts enable row level security;
alter table contacts force row level security;
create policy contacts_tenant on contacts
  using (case when deleted_at is null then tenant_id = nullif(current_setting('app.tenant_id', true), '') else true end);
grant select, insert, update, delete on contacts to @app@;

-- seed
insert into contacts (tenant_id, name) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select name from contacts;
rollback;
