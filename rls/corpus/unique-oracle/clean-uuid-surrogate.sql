-- A random id is nobody's to guess.
-- object: public.users
-- leak: no
-- context: guc
-- expect: INSERT 0 1.*INSERT 0 1

create table users (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  primary key (id)
);
alter table users enable row level security;
alter table users force row level security;
create policy users_tenant on users
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on users to @app@;

-- seed
insert into users (tenant_id, name) values ('@B@', 'x');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into users (tenant_id, name) values ('@A@', 'x');
insert into users (tenant_id, name) values ('@A@', 'y');
rollback;
