-- object: public.users
-- leak: no
-- context: guc
-- tenant: text
-- expect: INSERT 0 1.*INSERT 0 1

create table users (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  email text not null,
  unique (email, tenant_id),
  primary key (tenant_id, id)
);
alter table users enable row level security;
alter table users force row level security;
create policy users_tenant on users
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on users to @app@;

-- seed
insert into users (tenant_id, email) values ('@B@', 'x@b.example');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into users (tenant_id, email) values ('@A@', 'x@b.example');
insert into users (tenant_id, email) values ('@A@', 'y@b.example');
rollback;
