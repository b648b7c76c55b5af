-- object: public.attachments, @db@
-- leak: yes
-- context: guc
-- tenant: text
-- expect: canary-b

reset role;
create extension lo;
set role @owner@;
create table attachments (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  file_name text,
  body lo,
  primary key (tenant_id, id)
);
alter table attachments enable row level security;
alter table attachments force row level security;
create policy attachments_tenant on attachments
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on attachments to @app@;

-- proof
set app.tenant_id = 'acme-eu';
begin;
insert into attachments (tenant_id, body) values ('acme-eu', lo_from_bytea(4712, 'canary-b'));
commit;
set app.tenant_id = 'acme';
select convert_from(lo_get(4712), 'utf8');
