-- object: public.readings_rest
-- leak: yes
-- context: guc
-- also: rls-disabled
-- expect: canary-b

create table readings (tenant_id uuid not null, kind text not null, value text) partition by list (kind);
create table readings_heat partition of readings for values in ('heat');
create table readings_rest partition of readings default;
alter table readings enable row level security;
alter table readings force row level security;
alter table readings_heat enable row level security;
alter table readings_heat force row level security;
create policy readings_tenant on readings
  using (tenant_id = current_setting('app.tenant_id')::uuid);
grant select on readings to @app@;
grant select on readings_rest to public;

-- seed
insert into readings values ('@B@', 'rain', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select value from readings_rest;
rollback;
