-- object: public.tickets
-- leak: no
-- context: guc
-- tenant: text
-- expect: 42501

create table tickets (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  state text,
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
create policy tickets_tenant on tickets
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert on tickets to @app@;
grant update (state) on tickets to @app@;

-- seed
insert into tickets (tenant_id, subject) values
  ('@A@', 'x'),
  ('@B@', 'x');

-- proof
begin;
set local app.tenant_id = '@A@';
update tickets set tenant_id = 'acme-eu';
rollback;
