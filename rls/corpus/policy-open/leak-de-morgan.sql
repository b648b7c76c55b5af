-- object: public.documents
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table documents (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  title text,
  is_shared boolean not null default true,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (not (tenant_id <> nullif(current_setting('app.tenant_id', true), '')::bigint and not is_shared));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from documents;
rollback;
