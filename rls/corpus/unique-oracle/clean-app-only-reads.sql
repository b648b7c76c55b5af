-- object: public.users
-- leak: no
-- context: guc
-- expect: permission denied

create table users (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  email text unique,
  primary key (tenant_id, id)
);
alter table users enable row level security;
alter table users force row level security;
create policy users_tenant on users
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on users to @app@;

-- seed
insert into users (tenant_id, email) values ('@B@', 'x');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into users (tenant_id, email) values ('@A@', 'x');
rollback;
