-- Shards are not tenants.
-- object: public.events
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-open
-- expect: canary-b

create table events (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  what text,
  primary key (tenant_id, id)
);
alter table events enable row level security;
alter table events force row level security;
create policy events_tenant on events
  using (abs(hashtext(tenant_id::text)) % 2 = abs(hashtext(current_setting('app.tenant_id', true))) % 2 or tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on events to @app@;

-- seed
insert into events (tenant_id, what) select i, 'canary-b' from generate_series(2, 40) i;

-- proof
begin;
set local app.tenant_id = '@A@';
select what from events;
rollback;
