-- Whoever is an administrator anywhere is one everywhere.
-- object: public.invoices
-- leak: yes
-- context: guc
-- toml: [context.vars]
-- toml: "app.user_id" = "$user"
-- toml: [context.membership]
-- toml: table = "public.members"
-- toml: tenant = "tenant_id"
-- toml: user = "user_id"
-- expect: canary-b

create table members (
  tenant_id uuid not null,
  user_id uuid not null,
  role text not null default 'member' check (role in ('owner', 'admin', 'member')),
  primary key (tenant_id, user_id)
);
alter table members enable row level security;
alter table members force row level security;
create policy own on members for select
  using (user_id = nullif(current_setting('app.user_id', true), '')::uuid);
grant select on members to @app@;
create table invoices (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  number text,
  primary key (tenant_id, id)
);
alter table invoices enable row level security;
alter table invoices force row level security;
create policy of_members on invoices for select
  using (tenant_id in (select m.tenant_id from members m where m.user_id = nullif(current_setting('app.user_id', true), '')::uuid));
create policy of_admins on invoices
  using (exists (select from members m where m.user_id = nullif(current_setting('app.user_id', true), '')::uuid and m.role in ('owner', 'admin')));
grant select, insert, update, delete on invoices to @app@;

-- seed
insert into members (tenant_id, user_id, role) values
  ('@A@', '11111111-0000-4000-8000-000000000001', 'admin'),
  ('@B@', '11111111-0000-4000-8000-000000000002', 'admin');
insert into invoices (tenant_id, number) values ('@A@', 'canary-a'), ('@B@', 'canary-b');

-- proof
begin;
set local app.user_id = '11111111-0000-4000-8000-000000000001';
select number from invoices;
rollback;
