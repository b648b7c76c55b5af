-- Every uuid has one text.
-- object: public.files
-- leak: no
-- context: guc
-- expect: \(1 row\)

create table files (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  path text,
  primary key (tenant_id, id)
);
alter table files enable row level security;
alter table files force row level security;
create policy files_tenant on files
  using (tenant_id::text = current_setting('app.tenant_id', true));
grant select, insert, update, delete on files to @app@;

-- seed
insert into files (tenant_id, path) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select path from files;
rollback;
