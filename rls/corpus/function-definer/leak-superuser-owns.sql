-- FORCE does not hold a superuser, whose function this is.
-- object: public.peek()
-- leak: yes
-- context: guc
-- expect: canary-b

create table visits (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  finding text,
  primary key (tenant_id, id)
);
alter table visits enable row level security;
alter table visits force row level security;
create policy visits_tenant on visits
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on visits to @app@;
reset role;
create function peek() returns setof text language sql stable security definer set search_path = ''
  as $$ select finding from public.visits $$;

-- seed
insert into visits (tenant_id, finding) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select peek();
rollback;
