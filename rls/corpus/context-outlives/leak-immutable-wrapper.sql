-- A wrapper around current_setting, asked for a constant: nothing is prepared by anybody, and PL/pgSQL keeps its plans.
-- object: public.entries, public.setting_of(text)
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create function setting_of(name text) returns text language sql immutable
  as $$ select nullif(current_setting(name, true), '') $$;
create function ours(t bigint) returns boolean language plpgsql stable as $$
begin
  return t = public.setting_of('app.tenant_id')::bigint;
end $$;
create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
alter table entries force row level security;
create policy entries_tenant on entries
  using (ours(tenant_id));
grant select, insert, update, delete on entries to @app@;

-- seed
insert into entries (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@B@';
select memo from entries \g /dev/null
set local app.tenant_id = '@A@';
select memo from entries;
rollback;
