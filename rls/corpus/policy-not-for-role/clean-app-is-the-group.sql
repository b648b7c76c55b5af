-- Support may be the app; the app is not support.
-- object: public.tickets
-- leak: no
-- context: guc
-- tenant: text
-- expect: \(1 row\)

create table tickets (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  subject text,
  primary key (tenant_id, id)
);
alter table tickets enable row level security;
alter table tickets force row level security;
create policy tickets_tenant on tickets to @app@
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on tickets to @app@;
create policy support on tickets for select to @other@
  using (true);
grant select on tickets to @other@;
reset role;
grant @app@ to @other@;

-- seed
insert into tickets (tenant_id, subject) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select subject from tickets;
rollback;
