-- object: public.common(regclass)
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: function-definer
-- expect: canary-b

create table leads (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  email text,
  primary key (tenant_id, id)
);
alter table leads enable row level security;
alter table leads force row level security;
create policy leads_tenant on leads
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on leads to @app@;
reset role;
create function common(t regclass) returns setof text language sql stable security definer set search_path = ''
  as $$ select s.stavalues1::text from pg_catalog.pg_statistic s where s.starelid = t $$;

-- seed
insert into leads (tenant_id, email) select 12, 'canary-b' from generate_series(1, 300);
analyze leads;

-- proof
begin;
set local app.tenant_id = '@A@';
select common('leads');
rollback;
