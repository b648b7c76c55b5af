-- object: public.coupons
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: 23505

create table coupons (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  code text,
  is_active boolean not null default true,
  primary key (tenant_id, id)
);
alter table coupons enable row level security;
alter table coupons force row level security;
create policy coupons_tenant on coupons
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on coupons to @app@;
create unique index coupons_code on coupons (code) where is_active;

-- seed
insert into coupons (tenant_id, code) values ('@B@', 'XMAS');

-- proof
begin;
set local app.tenant_id = '@A@';
insert into coupons (tenant_id, code) values ('@A@', 'XMAS');
insert into coupons (tenant_id, code) values ('@A@', 'EASTER');
rollback;
