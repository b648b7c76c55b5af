-- object: public.deals
-- leak: yes
-- context: guc
-- tenant: text
-- expect: INSERT 0 1.*23503

create table accounts (tenant_id text not null, domain text primary key);
alter table accounts enable row level security;
alter table accounts force row level security;
create policy accounts_tenant on accounts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select on accounts to @app@;
create table deals (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  domain text references accounts on update cascade,
  title text,
  primary key (tenant_id, id)
);
alter table deals enable row level security;
alter table deals force row level security;
create policy deals_tenant on deals
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on deals to @app@;

-- seed
insert into accounts values ('acme-eu', 'b.example');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into deals (tenant_id, domain) values ('acme', 'b.example');
insert into deals (tenant_id, domain) values ('acme', 'c.example');
rollback;
