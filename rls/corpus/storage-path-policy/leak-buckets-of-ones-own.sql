-- Files in a table of one's own: tenant 1 begins like tenant 12.
-- object: public.attachments
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: 12/secret

create table attachments (
  id uuid primary key default gen_random_uuid(),
  bucket_id text not null,
  name text not null,
  made_at timestamptz not null default now()
);
alter table attachments enable row level security;
alter table attachments force row level security;
create policy attachments_folder on attachments
  using (bucket_id = 'files' and starts_with(name, nullif(current_setting('app.tenant_id', true), '')))
  with check (bucket_id = 'files' and starts_with(name, nullif(current_setting('app.tenant_id', true), '')));
grant select, insert, update, delete on attachments to @app@;

-- seed
insert into attachments (bucket_id, name) values ('files', '@B@/secret.pdf');

-- proof
begin;
set local app.tenant_id = '@A@';
select name from attachments;
rollback;
