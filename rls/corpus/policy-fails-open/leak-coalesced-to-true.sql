-- object: public.notes
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create table notes (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table notes enable row level security;
alter table notes force row level security;
create policy notes_tenant on notes
  using (coalesce(tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid, true));
grant select, insert, update, delete on notes to @app@;

-- seed
insert into notes (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select body from notes;
rollback;
