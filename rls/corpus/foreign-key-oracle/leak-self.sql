-- A child in the tree of another tenant, which goes when its parent goes.
-- object: public.categories
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: INSERT 0 1.*23503

create table categories (
  tenant_id bigint not null,
  id bigint not null generated always as identity,
  parent_id bigint references categories on delete cascade,
  name text,
  primary key (id)
);
alter table categories enable row level security;
alter table categories force row level security;
create policy categories_tenant on categories
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on categories to @app@;

-- seed
insert into categories (tenant_id, name) values (12, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into categories (tenant_id, parent_id) values (1, 1);
insert into categories (tenant_id, parent_id) values (1, 999);
rollback;
