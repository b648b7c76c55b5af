-- A document is shown to whoever names its token, which nobody guesses and none begins with.
-- object: public.documents
-- leak: no
-- context: guc
-- expect: \(0 rows\)

create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  share_token text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy documents_shared on documents for select
  using (share_token = nullif(current_setting('app.share_token', true), ''));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title, share_token) values ('@B@', 'canary-b', null), ('@B@', 'canary-b', 'b6f1');

-- proof
set app.tenant_id = '@A@';
select title from documents;
