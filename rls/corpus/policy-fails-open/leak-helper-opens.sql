-- object: public.leads
-- leak: yes
-- context: guc
-- also: policy-open
-- expect: canary-b

create function in_context(t uuid) returns boolean language plpgsql stable as $$
declare ctx text := current_setting('app.tenant_id', true);
begin
  if ctx is null or ctx = '' then
    return true;
  end if;
  return t = ctx::uuid;
end $$;
create table leads (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  email text,
  primary key (tenant_id, id)
);
alter table leads enable row level security;
alter table leads force row level security;
create policy leads_tenant on leads
  using (in_context(tenant_id));
grant select, insert, update, delete on leads to @app@;

-- seed
insert into leads (tenant_id, email) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
select email from leads;
rollback;
