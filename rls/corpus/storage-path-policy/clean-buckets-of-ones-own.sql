-- The same, by the first folder.
-- object: public.attachments
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: \(0 rows\)

create table attachments (
  id uuid primary key default gen_random_uuid(),
  bucket_id text not null,
  name text not null,
  made_at timestamptz not null default now()
);
alter table attachments enable row level security;
alter table attachments force row level security;
create policy attachments_folder on attachments
  using (bucket_id = 'files' and split_part(name, '/', 1) = nullif(current_setting('app.tenant_id', true), ''))
  with check (bucket_id = 'files' and split_part(name, '/', 1) = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on attachments to @app@;

-- seed
insert into attachments (bucket_id, name) values ('files', '@B@/secret.pdf');

-- proof
set app.tenant_id = '@A@';
select name from attachments;
