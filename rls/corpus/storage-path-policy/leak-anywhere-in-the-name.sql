-- object: storage.objects
-- leak: yes
-- context: jwt_claims
-- prelude: supabase
-- also: policy-open
-- also: policy-lossy-compare
-- also: policy-tautology
-- toml: schemas = ["public", "storage"]
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: app_metadata = { tenant_id = "$tenant" }
-- expect: canary-b

create policy files on storage.objects
  using (bucket_id = 'files' and position((auth.jwt() -> 'app_metadata' ->> 'tenant_id') in name) > 0);
create table folders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (tenant_id, id)
);
alter table folders enable row level security;
alter table folders force row level security;
create policy folders_tenant on folders
  using (tenant_id = (auth.jwt() -> 'app_metadata' ->> 'tenant_id')::uuid);
grant select, insert, update, delete on folders to @app@;

-- seed
insert into storage.objects (bucket_id, name) values ('files', '@B@/from-@A@/canary-b.pdf');

-- proof
begin;
set local "request.jwt.claims" = '{"role": "authenticated", "app_metadata": {"tenant_id": "@A@"}}';
select name from storage.objects;
rollback;
