-- The number of a record is one of an invoice or of a ticket, and the policy asks for neither.
-- object: public.attachments
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table invoices (id bigint primary key, tenant_id bigint not null, note text);
alter table invoices enable row level security;
alter table invoices force row level security;
create policy invoices_tenant on invoices using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on invoices to @app@;
create table tickets (id bigint primary key, tenant_id bigint not null, note text);
alter table tickets enable row level security;
alter table tickets force row level security;
create policy tickets_tenant on tickets using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select on tickets to @app@;
create table attachments (
  id bigint generated always as identity primary key,
  tenant_id bigint not null,
  record_type text not null check (record_type in ('Invoice', 'Ticket')),
  record_id bigint not null,
  title text not null
);
alter table attachments enable row level security;
alter table attachments force row level security;
create policy attachments_read on attachments for select
  using (record_id in (select i.id from invoices i union all select t.id from tickets t));
grant select on attachments to @app@;

-- seed
insert into invoices values (5, @A@, 'mine');
insert into tickets values (5, @B@, 'theirs');
insert into attachments (tenant_id, record_type, record_id, title) values (@B@, 'Ticket', 5, 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select title from attachments;
rollback;
