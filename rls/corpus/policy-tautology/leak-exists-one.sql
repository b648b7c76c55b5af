-- object: public.stocks
-- leak: yes
-- context: guc
-- tenant: bigint
-- also: policy-open
-- expect: canary-b

create table stocks (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  sku text,
  primary key (tenant_id, id)
);
alter table stocks enable row level security;
alter table stocks force row level security;
create policy stocks_tenant on stocks
  using (exists (select 1));
grant select, insert, update, delete on stocks to @app@;

-- seed
insert into stocks (tenant_id, sku) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
select sku from stocks;
rollback;
