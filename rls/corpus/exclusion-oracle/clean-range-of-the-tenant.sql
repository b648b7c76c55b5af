-- The tenant as a range of itself alone: no extension is needed for that.
-- object: public.closures
-- leak: no
-- context: guc
-- tenant: bigint
-- expect: INSERT 0 1

create table closures (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  slot tstzrange not null,
  primary key (tenant_id, id),
  constraint closures_no_overlap exclude using gist (int8range(tenant_id, tenant_id, '[]') with =, slot with &&)
);
alter table closures enable row level security;
alter table closures force row level security;
create policy closures_tenant on closures
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint) with check (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on closures to @app@;

-- seed
insert into closures (tenant_id, slot) values (@B@, '[2030-01-01, 2030-01-02]');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into closures (tenant_id, slot) values (@A@, '[2030-01-01, 2030-01-02]');
rollback;
