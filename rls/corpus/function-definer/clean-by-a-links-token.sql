-- A link's token, of which the hash is kept, opens the document that the link names.
-- object: public.shared_document(text), public.links, public.documents
-- leak: no
-- context: guc
-- expect: \(0 rows\)

create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
create policy documents_tenant on documents using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create table links (
  tenant_id uuid not null,
  document_id uuid not null,
  token_hash bytea not null,
  primary key (tenant_id, document_id, token_hash),
  foreign key (tenant_id, document_id) references documents
);
alter table links enable row level security;
create policy links_tenant on links using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on documents, links to @app@;
create function shared_document(token text) returns table (title text)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select d.title from public.links l join public.documents d on d.tenant_id = l.tenant_id and d.id = l.document_id
  where l.token_hash = sha256(convert_to(token, 'UTF8'))
$$;
revoke all on function shared_document(text) from public;
grant execute on function shared_document(text) to @app@;

-- seed
insert into documents (tenant_id, id, title) values ('@B@', 'b0000000-0000-4000-8000-000000000001', 'canary-b');
insert into links values ('@B@', 'b0000000-0000-4000-8000-000000000001', sha256('s3cret'));

-- proof
set app.tenant_id = '@A@';
select title from shared_document('guessed');
