-- Read by the first folder, written by the second.
-- object: storage.objects
-- leak: yes
-- context: jwt_claims
-- prelude: supabase
-- also: policy-check-open
-- toml: schemas = ["public", "storage"]
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: app_metadata = { tenant_id = "$tenant" }
-- expect: INSERT 0 1

create policy files on storage.objects for select
  using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.jwt() -> 'app_metadata' ->> 'tenant_id');
create policy uploads on storage.objects for insert
  with check (bucket_id = 'files' and (storage.foldername(name))[2] = auth.jwt() -> 'app_metadata' ->> 'tenant_id');

-- proof
begin;
set local "request.jwt.claims" = '{"role": "authenticated", "app_metadata": {"tenant_id": "@A@"}}';
insert into storage.objects (bucket_id, name) values ('files', '@B@/@A@/planted.pdf');
rollback;
