-- object: public.enter(bigint)
-- leak: yes
-- context: guc
-- tenant: bigint
-- expect: canary-b

create table orders (
  tenant_id bigint not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
alter table orders force row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint);
grant select, insert, update, delete on orders to @app@;
create procedure enter(t bigint) language plpgsql as $$
begin
  perform set_config('app.tenant_id', t::text, false);
end $$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
call enter(12);
commit;
select note from orders;
