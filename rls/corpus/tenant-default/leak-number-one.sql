-- object: public.entries
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-check-open
-- expect: planted

create table entries (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  memo text,
  primary key (tenant_id, id)
);
alter table entries enable row level security;
alter table entries force row level security;
grant select, insert, update, delete on entries to @app@;
alter table entries alter tenant_id set default 12;
create policy r on entries for select
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
create policy w on entries for insert
  with check (tenant_id > 0);

-- proof
set app.tenant_id = '1';
insert into entries (memo) values ('planted');
set app.tenant_id = '12';
select memo from entries;
