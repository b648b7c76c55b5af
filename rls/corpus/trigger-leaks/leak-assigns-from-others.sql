-- object: public.tickets, public.assign()
-- leak: yes
-- context: guc
-- also: function-definer
-- expect: canary-b

create table agents (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  name text,
  load int not null default 0,
  primary key (tenant_id, id)
);
alter table agents enable row level security;
create policy agents_tenant on agents
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select on agents to @app@;
create table tickets (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  agent text,
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
create policy tickets_tenant on tickets
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on tickets to @app@;
create function assign() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.agent := (select a.name from public.agents a order by a.load limit 1);
  return new;
end $$;
create trigger assign before insert on tickets for each row execute function assign();

-- seed
insert into agents (tenant_id, name, load) values ('@A@', 'canary-a', 5), ('@B@', 'canary-b', 1);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into tickets (tenant_id, subject) values ('@A@', 'x') returning agent;
rollback;
