-- object: public.how_many(bigint)
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: how_many.*\s1\s

create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
create policy entries_tenant on entries
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on entries to @app@;
create function how_many(t bigint) returns bigint language sql stable security definer set search_path = ''
  as $$ select count(*) from public.entries where tenant_id = t $$;

-- seed
insert into entries (tenant_id, memo) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select how_many(12);
rollback;
