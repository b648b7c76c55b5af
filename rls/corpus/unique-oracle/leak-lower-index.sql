-- object: public.accounts
-- leak: yes
-- context: guc
-- tenant: text
-- expect: 23505

create table accounts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  domain text not null,
  primary key (tenant_id, id)
);
alter table accounts enable row level security;
alter table accounts force row level security;
create policy accounts_tenant on accounts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on accounts to @app@;
create unique index on accounts (lower(domain));

-- seed
insert into accounts (tenant_id, domain) values ('@B@', 'B.example');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into accounts (tenant_id, domain) values ('@A@', 'B.example');
insert into accounts (tenant_id, domain) values ('@A@', 'c.example');
rollback;
