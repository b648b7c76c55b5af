-- object: public.tickets
-- leak: no
-- context: guc
-- expect: \(1 row\)

create function current_tenant() returns uuid language sql stable
  as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
create table tickets (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  status text not null default 'open',
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
grant select, insert, update, delete on tickets to @app@;
create policy open_ones on tickets for select
  using (tenant_id = current_tenant() and status = 'open');
create policy others on tickets for select
  using (current_tenant() = tenant_id and status <> 'open');
create policy add on tickets for insert
  with check (tenant_id = current_tenant());

-- seed
insert into tickets (tenant_id, subject) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select subject from tickets;
rollback;
