-- object: public.tickets_number_seq
-- leak: yes
-- context: guc
-- tenant: text
-- expect: 1000000

create table tickets (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  number serial not null,
  subject text,
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
create policy tickets_tenant on tickets
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on tickets to @app@;
grant usage, update on sequence tickets_number_seq to @app@;

-- proof
begin;
set local app.tenant_id = '@A@';
select setval('tickets_number_seq', 1000000);
rollback;
