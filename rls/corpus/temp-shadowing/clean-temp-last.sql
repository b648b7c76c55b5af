-- object: public.session_tenant()
-- leak: no
-- context: guc
-- toml: [context.vars]
-- toml: "app.token" = "$user"
-- toml: [context.membership]
-- toml: table = "public.sessions"
-- toml: tenant = "tenant_id"
-- toml: user = "token"
-- expect: \(0 rows\)

create table sessions (token text primary key, tenant_id uuid not null);
alter table sessions enable row level security;
alter table sessions force row level security;
create policy sessions_tenant on sessions
  using (token = current_setting('app.token', true));
grant select on sessions to @app@;
create function session_tenant() returns uuid language plpgsql stable set search_path = public, pg_temp as $$
begin
  return (select s.tenant_id from sessions s where s.token = current_setting('app.token', true));
end $$;
create table documents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  title text,
  primary key (tenant_id, id)
);
alter table documents enable row level security;
alter table documents force row level security;
create policy documents_tenant on documents
  using (tenant_id = session_tenant());
grant select, insert, update, delete on documents to @app@;

-- seed
insert into documents (tenant_id, title) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
create temp table sessions (token text, tenant_id uuid);
insert into pg_temp.sessions values ('t', '@B@');
set local app.token = 't';
select title from documents;
rollback;
