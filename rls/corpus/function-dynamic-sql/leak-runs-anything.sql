-- object: public.run(text)
-- leak: yes
-- context: guc
-- also: function-definer
-- expect: canary-b

create table orders (
  tenant_id uuid not null,
  id uuid not null default gen_random_uuid(),
  note text,
  primary key (tenant_id, id)
);
alter table orders enable row level security;
create policy orders_tenant on orders
  using (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on orders to @app@;
create procedure run(q text) language plpgsql security definer set search_path = '' as $f$
begin
  execute q;
end $f$;

-- seed
insert into orders (tenant_id, note) values
  ('@A@', 'canary-a'),
  ('@B@', 'canary-b');

-- proof
begin;
set local app.tenant_id = '@A@';
create temp table loot (t text);
grant insert on loot to public;
call run('insert into pg_temp.loot select note from public.orders');
select t from loot;
rollback;
