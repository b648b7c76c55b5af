-- object: public.drafts
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: DELETE 2

create table drafts (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  body text,
  primary key (tenant_id, id)
);
alter table drafts enable row level security;
alter table drafts force row level security;
grant select, insert, update, delete on drafts to @app@;
create policy drafts_tenant on drafts to @app@
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy cleaner on drafts for delete
  using (body like 'canary%');

-- seed
insert into drafts (tenant_id, body) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
set app.tenant_id = '@A@';
delete from drafts;
