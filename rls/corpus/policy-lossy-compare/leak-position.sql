-- The context is the longer name here.
-- object: public.tickets
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-open
-- expect: canary-b

create table tickets (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
create policy tickets_tenant on tickets
  using (position(tenant_id in current_setting('app.tenant_id', true)) > 0);
grant select, insert, update, delete on tickets to @app@;

-- seed
insert into tickets (tenant_id, subject) values ('acme', 'canary-b');

-- proof
begin;
set local app.tenant_id = 'acme-eu';
select subject from tickets;
rollback;
