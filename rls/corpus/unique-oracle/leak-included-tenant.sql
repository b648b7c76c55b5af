-- INCLUDE is not part of the key.
-- object: public.sites
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: 23505

create table sites (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  host text not null,
  primary key (tenant_id, id)
);
alter table sites enable row level security;
alter table sites force row level security;
create policy sites_tenant on sites
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on sites to @app@;
create unique index sites_host on sites (host) include (tenant_id);

-- seed
insert into sites (tenant_id, host) values ('@B@', 'b.example');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into sites (tenant_id, host) values ('@A@', 'b.example');
insert into sites (tenant_id, host) values ('@A@', 'c.example');
rollback;
