-- object: public.shifts
-- leak: yes
-- context: guc
-- tenant: text
-- expect: 23P01

create table shifts (
  tenant_id text not null,
  id uuid not null default gen_random_uuid(),
  during tstzrange,
  exclude using gist (during with &&),
  primary key (tenant_id, id)
);
alter table shifts enable row level security;
alter table shifts force row level security;
create policy shifts_tenant on shifts
  using (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
grant select, insert, update, delete on shifts to @app@;

-- seed
insert into shifts (tenant_id, during) values ('@B@', '[2026-01-01,2026-01-02)');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into shifts (tenant_id, during) values ('@A@', '[2026-01-01,2026-01-02)');
rollback;
