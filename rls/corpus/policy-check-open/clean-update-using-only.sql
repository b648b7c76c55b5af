-- object: public.tickets
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: INSERT 0 1.*42501

create table tickets (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
grant select, insert, update, delete on tickets to @app@;
create policy r on tickets for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
create policy w on tickets for insert
  with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
create policy u on tickets for update
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);

-- proof
begin;
set local app.tenant_id = '@A@';
insert into tickets (tenant_id) values (1);
update tickets set tenant_id = 12;
rollback;
