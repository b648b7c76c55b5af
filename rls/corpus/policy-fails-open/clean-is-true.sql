-- object: public.files
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: \(0 rows\)|ERROR

create table files (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  path text,
  primary key (tenant_id, id)
);
alter table files enable row level security;
alter table files force row level security;
create policy files_tenant on files
  using ((tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint) is true);
grant select, insert, update, delete on files to @app@;

-- seed
insert into files (tenant_id, path) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select path from files;
rollback;
