-- object: storage.objects
-- leak: no
-- context: jwt_claims
-- tenant: text
-- prelude: supabase
-- toml: schemas = ["public", "storage"]
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: app_metadata = { tenant_id = "$tenant" }
-- expect: \(1 row\)

create policy files on storage.objects
  using (bucket_id = 'files' and starts_with(name, (auth.jwt() -> 'app_metadata' ->> 'tenant_id') || '/'));
create table folders (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  label text,
  primary key (tenant_id, id)
);
alter table folders enable row level security;
alter table folders force row level security;
create policy folders_tenant on folders
  using (tenant_id = (auth.jwt() -> 'app_metadata' ->> 'tenant_id'));
grant select, insert, update, delete on folders to @app@;

-- seed
insert into storage.objects (bucket_id, name) values ('files', '@A@/secret.pdf'), ('files', '@B@/canary-b.pdf');

-- proof
begin;
set local "request.jwt.claims" = '{"role": "authenticated", "app_metadata": {"tenant_id": "@A@"}}';
select name from storage.objects;
rollback;
