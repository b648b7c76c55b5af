-- A list in one's own settings says whose files one sees besides.
-- object: public.accounts, public.files
-- leak: yes
-- context: guc
-- also: grant-column
-- also: policy-lossy-compare
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- expect: canary-b

create table accounts (id uuid primary key, tenant_id uuid not null, settings jsonb not null default '{}');
alter table accounts enable row level security;
alter table accounts force row level security;
create policy accounts_own on accounts
  using (id = nullif(current_setting('app.user_id', true), '')::uuid and tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
  with check (id = nullif(current_setting('app.user_id', true), '')::uuid and tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, update (settings) on accounts to @app@;
create table files (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text not null,
  primary key (tenant_id, id)
);
alter table files enable row level security;
alter table files force row level security;
create policy files_own on files using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
create policy files_linked on files for select
  using (tenant_id::text in (select jsonb_array_elements_text(a.settings -> 'linked') from accounts a
    where a.id = nullif(current_setting('app.user_id', true), '')::uuid));
grant select, insert, update, delete on files to @app@;

-- seed
insert into accounts (id, tenant_id) values ('@A@', '@A@');
insert into files (tenant_id, title) values ('@A@', 'canary-a'), ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local app.user_id = '@A@';
update accounts set settings = '{"linked": ["@B@"]}';
select title from files;
rollback;
