-- object: public.accounts
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: \(1 row\)

create table accounts (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table accounts enable row level security;
alter table accounts force row level security;
create policy accounts_tenant on accounts
  using (true and tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint and tenant_id = tenant_id);
grant select, insert, update, delete on accounts to @app@;

-- seed
insert into accounts (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from accounts;
rollback;
