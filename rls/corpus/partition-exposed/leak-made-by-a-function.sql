-- The function that the app calls for the next month grants its partition, and puts no policies on it.
-- object: public.ensure_part(date), public.events
-- leak: yes
-- context: guc
-- also: function-definer
-- expect: canary-b

create table events (tenant_id uuid not null, day date not null, what text not null) partition by range (day);
alter table events enable row level security;
alter table events force row level security;
create policy events_tenant on events using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert on events to @app@;
create function ensure_part(day date) returns text language plpgsql security definer
set search_path = pg_catalog, pg_temp as $$
declare
  name text := 'events_' || to_char(day, 'YYYYMM');
begin
  if to_regclass('public.' || name) is null then
    execute format('create table public.%I partition of public.events for values from (%L) to (%L)', name,
      date_trunc('month', day)::date, (date_trunc('month', day) + interval '1 month')::date);
    execute format('grant select, insert on public.%I to @app@', name);
  end if;
  return name;
end $$;
revoke all on function ensure_part(date) from public;
grant execute on function ensure_part(date) to @app@;

-- proof
begin;
set local app.tenant_id = '@B@';
select ensure_part('2031-05-01');
insert into events values ('@B@', '2031-05-02', 'canary-b');
set local app.tenant_id = '@A@';
select what from events_203105;
rollback;
