-- In Supabase, user_metadata is what people write about themselves.
-- object: public.tasks
-- leak: yes
-- context: jwt_claims
-- prelude: supabase
-- also: policy-open
-- toml: [context.claims]
-- toml: sub = "$user"
-- toml: app_metadata = { tenant_id = "$tenant" }
-- expect: canary-b

create table tasks (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table tasks enable row level security;
alter table tasks force row level security;
create policy tasks_tenant on tasks
  using (tenant_id = (auth.jwt() -> 'user_metadata' ->> 'tenant_id')::uuid);
grant select, insert, update, delete on tasks to @app@;

-- seed
insert into tasks (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local "request.jwt.claims" = '{"app_metadata": {"tenant_id": "@A@"}, "user_metadata": {"tenant_id": "@B@"}}';
select title from tasks;
rollback;
