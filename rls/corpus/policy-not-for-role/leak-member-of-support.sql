-- The policy is for support, and the app is a member of support.
-- object: public.tickets
-- leak: yes
-- context: guc
-- tenant: text
-- also: policy-tautology
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
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on tickets to @app@;
create policy support on tickets for select to @other@
  using (true);
reset role;
grant @other@ to @app@;

-- seed
insert into tickets (tenant_id, subject) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select subject from tickets;
rollback;
