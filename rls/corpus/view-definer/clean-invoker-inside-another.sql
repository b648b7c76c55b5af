-- A view that reads as whoever asks does so inside a view that does not.
-- object: public.mails
-- leak: no
-- context: guc
-- expect: \(0 rows\)

create table people (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  email text,
  primary key (tenant_id, id)
);
alter table people enable row level security;
create policy people_tenant on people
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on people to @app@;
create view everybody with (security_invoker = true) as select * from people;
create view mails as select email from everybody;
grant select on mails to @app@;

-- seed
insert into people (tenant_id, email) values ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select email from mails;
rollback;
