-- tenant_id without a table is the member's own: it is compared with itself.
-- object: public.documents
-- leak: yes
-- context: guc
-- also: policy-open
-- also: policy-tautology
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- toml: [context.membership]
-- toml: table = "public.members"
-- toml: tenant = "tenant_id"
-- toml: user = "user_id"
-- expect: canary-b

create table members (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  user_id uuid not null,
  primary key (tenant_id, id)
);
alter table members enable row level security;
alter table members force row level security;
create policy members_tenant on members
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
grant select on members to @app@;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (exists (select from members m where m.tenant_id = tenant_id and m.user_id = nullif(current_setting('app.user_id', true), '')::uuid));
grant select, insert, update, delete on documents to @app@;

-- seed
insert into members (tenant_id, user_id) values ('@A@', '@A@');
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
select title from documents;
rollback;
