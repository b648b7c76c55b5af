-- The token of what was never shared is the empty string, and so is that of a request without one.
-- object: public.documents
-- leak: yes
-- context: guc
-- also: policy-fails-open
-- expect: canary-b

create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  share_token text not null default '',
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy documents_shared on documents for select
  using (share_token = current_setting('app.share_token', true));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title) values ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.share_token = '';
select title from documents;
rollback;
