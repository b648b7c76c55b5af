-- object: public.tickets
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-check-open
-- expect: UPDATE 1

create table tickets (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  state text,
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
grant select, insert on tickets to @app@;
create policy r on tickets for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
create policy i on tickets for insert
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
create policy u on tickets for update
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
  with check (state is distinct from 'locked');
grant update (tenant_id, state) on tickets to @app@;

-- seed
insert into tickets (tenant_id, subject) values
  ('@A@', 'x'),
  ('@B@', 'x');

-- proof
begin;
set local app.tenant_id = '@A@';
update tickets set tenant_id = 'acme-eu';
rollback;
