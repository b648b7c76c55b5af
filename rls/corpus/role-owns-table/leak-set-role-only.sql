-- object: public.wallets, @app@
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: rls-not-forced
-- also: schema-create public
-- expect: canary-b

create table wallets (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  holder text,
  primary key (tenant_id, id)
);
alter table wallets enable row level security;
alter table wallets force row level security;
create policy wallets_tenant on wallets
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on wallets to @app@;
reset role;
alter role @app@ noinherit;
grant @owner@ to @app@;

-- seed
insert into wallets (tenant_id, holder) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
set local role @owner@;
drop policy wallets_tenant on wallets;
alter table wallets disable row level security;
select holder from wallets;
rollback;
