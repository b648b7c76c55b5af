-- A constraint trigger that waits for the commit, and says how much the others have.
-- object: public.applications, public.within_ceiling()
-- leak: yes
-- context: guc
-- also: function-definer
-- also: error-oracle
-- expect: over-subscribed by 900

create table applications (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  call text not null,
  amount numeric not null check (amount > 0),
  primary key (tenant_id, id)
);
alter table applications enable row level security;
alter table applications force row level security;
create policy applications_tenant on applications
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on applications to @app@;
alter table applications no force row level security;
create function within_ceiling() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  total numeric;
begin
  select sum(a.amount) into total from public.applications a where a.call = new.call;
  if total > 1000 then
    raise exception 'the call is over-subscribed by %', total - 1000;
  end if;
  return null;
end $$;
create constraint trigger within_ceiling after insert or update on applications deferrable initially deferred
  for each row execute function within_ceiling();

-- seed
insert into applications (tenant_id, call, amount) values ('@B@', 'c1', 900);

-- proof
set app.tenant_id = '@A@';
insert into applications (tenant_id, call, amount) values ('@A@', 'c1', 1000);
